"""One door to the measurement of any kind of site."""

from collections.abc import Callable, Mapping, Sequence
from difflib import get_close_matches
from types import MappingProxyType
from typing import Any

from sxrisk.errors import ParameterError
from sxrisk.scans import Scan
from sxrisk.sites.dump import measure_dump
from sxrisk.sites.goafs.measure import measure_goaf
from sxrisk.sites.pit import measure_pit
from sxrisk.sites.result import SiteResult
from sxrisk.sites.tailings import measure_tailings

__all__ = ["SITE_KINDS", "check_parameters", "measure_site"]

SITE_KINDS: Mapping[str, Callable[..., SiteResult]] = MappingProxyType(
    {
        "open_pit": measure_pit,
        "quarry": measure_pit,
        "waste_dump": measure_dump,
        "tailings_pond": measure_tailings,
        "goaf": measure_goaf,
    }
)


_UNDER_THE_SKY = ("cell_m", "margin_m", "object_m", "registered")
# The movement angle is used by ``reach``, which draws the zone of influence.
_IN_A_CAVITY = (
    "dem_height_offset_m", "dem_sigma_m", "map_cell_m", "min_face_m2", "min_pillar_m2", "movement_angle_deg",
    "registered", "required_barrier_m", "smooth_m", "water_level_m", "water_level_sigma_m",
)  # fmt: skip


def check_parameters(kind: str, parameters: Mapping[str, Any]) -> None:
    """Refuse parameters that a kind of site does not know.

    Parameters
    ----------
    kind : str
        One of ``SITE_KINDS``.
    parameters : mapping
        By name.

    Raises
    ------
    ParameterError
        Names those that it knows.

    Examples
    --------
    >>> check_parameters("open_pit", {"cel_m": 0.5})
    Traceback (most recent call last):
    sxrisk.errors.ParameterError: a site of kind open_pit has no parameter 'cel_m'; ... Did you mean 'cell_m'?
    """
    known = _IN_A_CAVITY if SITE_KINDS.get(kind) is measure_goaf else _UNDER_THE_SKY
    for name in parameters:
        if name not in known:
            close = get_close_matches(name, known, n=1)
            raise ParameterError(
                f"a site of kind {kind} has no parameter {name!r}",
                expected=", ".join(known),
                remedy=f"Did you mean {close[0]!r}?" if close else "Take it out",
            )


def measure_site(
    kind: str,
    epochs: Sequence[Scan | Sequence[Scan]],
    *,
    site_id: str,
    name: str = "",
    outline: Any = None,
    outline_crs: Any = None,
    parameters: Mapping[str, Any] | None = None,
    change_parameters: Mapping[str, Any] | None = None,
    crs: Any = None,
    vertical_crs: Any = None,
    dem: Any = None,
    stability: Mapping[str, Any] | None = None,
) -> SiteResult:
    """Measure a site of any kind that can be scanned.

    Parameters
    ----------
    kind : str
        One of :data:`SITE_KINDS`.
    epochs : sequence of Scan or of sequences of Scan
        One per epoch; several scans of one epoch are its stations.
    site_id, name : str
        Key of the site in its layer, and its name.
    outline : shapely polygon, optional
        In plan.
    outline_crs : optional
        System of the outline, where it is not the scans'.
    parameters, change_parameters : mapping, optional
        Of the kind's own function, and keywords of :func:`sxrisk.m3c2`.
    crs, vertical_crs : optional
        Systems of scans whose files name none.
    dem : xarray.DataArray, optional
        Surface above a goaf; other kinds do not need it.
    stability : mapping, optional
        Parameters of a goaf's rock, as for :func:`measure_goaf`.

    Returns
    -------
    SiteResult

    Raises
    ------
    ParameterError
        If nothing is known about how to measure the kind, or a parameter is unknown or impossible.
    """
    function = SITE_KINDS.get(kind)
    if function is None:
        raise ParameterError(
            f"sites of kind {kind!r} cannot be measured", where=site_id, expected=", ".join(SITE_KINDS)
        )
    if stability and function is not measure_goaf:
        raise ParameterError(f"a site of kind {kind} has no stability parameters", where=site_id, expected="a goaf")
    extra = {"dem": dem, "stability": stability} if function is measure_goaf else {}
    return function(
        epochs, site_id=site_id, name=name, kind=kind, outline=outline, outline_crs=outline_crs, parameters=parameters,
        change_parameters=change_parameters, crs=crs, vertical_crs=vertical_crs, **extra,
    )  # fmt: skip
