"""Upright sections of a goaf: along its axis, across it, through its widest roof and through its ribs."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import shapely
import xarray as xr
from numpy.typing import NDArray

from sxrisk.sites.goafs.shape import GoafShape
from sxrisk.surfaces import Mesh, Section, section

__all__ = ["goaf_sections"]

_MOST_RIBS = 6


def goaf_sections(
    shape: GoafShape,
    *,
    beside: Mapping[str, Mesh | xr.DataArray] | None = None,
    places: Sequence[Any] = (),
    label: str = "goaf",
) -> list[Section]:
    """Sections of a goaf for :func:`sxrisk.surfaces.write_sections_dxf`.

    ``A`` along the long axis and ``B`` across it through the middle, ``R1`` across the widest place of the largest
    roof, ``P1`` and on across each of the six largest pillars, ``C1`` and on across each further place.

    Parameters
    ----------
    shape : GoafShape
    beside : mapping of str to Mesh or DataArray
        Other surfaces by label, in the same coordinates: the ground, the level above, an earlier epoch.
    places : sequence of (x, y)
        Further places, such as that of the least crown.
    label : str
        Of the goaf.

    Returns
    -------
    list of Section
    """
    surfaces = {label: shape.mesh, **(beside or {})}
    along = _direction(shape.axis_deg)
    across = np.array([along[1], -along[0]])
    box = shapely.minimum_rotated_rectangle(shape.outline)
    middle = shapely.get_coordinates(box.centroid)[0]
    cuts: list[tuple[str, NDArray[np.float64], NDArray[np.float64], float]] = [
        ("A", middle, along, 0.6 * shape.length_m),
        ("B", middle, across, 0.6 * shape.width_m),
    ]
    wide = [("R1", shape.roofs[0].inscribed_centre[:2])] if shape.roofs else []
    ribs = [(row.id, shapely.get_coordinates(row.geometry.centroid)[0])
            for row in shape.pillars.head(_MOST_RIBS).itertuples()]  # fmt: skip
    further = [(f"C{k}", np.asarray(place, dtype=np.float64)[:2]) for k, place in enumerate(places, start=1)]
    for name, place in [*wide, *ribs, *further]:
        # As long as the section across the middle, so that the drawings lie one below the other.
        on_axis = middle + along * float((place - middle) @ along)
        cuts.append((name, on_axis, across, 0.6 * shape.width_m))
    drawn = [
        section(dict(surfaces), shapely.LineString([at - half * turn, at + half * turn]), name=name)
        for name, at, turn, half in cuts
    ]
    return [cut for cut in drawn if cut.profiles]


def _direction(bearing_deg: float) -> NDArray[np.float64]:
    """From west to east, or from south to north."""
    angle = np.radians(bearing_deg)
    turn = np.array([np.sin(angle), np.cos(angle)])
    return turn if (turn[0], turn[1]) > (0.0, 0.0) else -turn
