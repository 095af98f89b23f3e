"""Legacy datums and mine grids, by the parameters that a surveying office gives for them: 3, 4 or 7."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from functools import cached_property
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray
from pyproj import CRS, Transformer
from pyproj.exceptions import CRSError as ProjCRSError

from sxrisk.errors import CRSError, ParameterError

__all__ = ["Datum", "Helmert4Fit", "fit_helmert4"]

Method: TypeAlias = Literal["shift3", "helmert4", "helmert7"]
Convention: TypeAlias = Literal["position_vector", "coordinate_frame"]
_SHIFTS, _ROTATIONS = ("dx_m", "dy_m", "dz_m"), ("rx_arcsec", "ry_arcsec", "rz_arcsec")
_NEEDED: Mapping[str, tuple[str, ...]] = {
    "shift3": ("source", *_SHIFTS),
    "helmert4": ("target", "d_east_m", "d_north_m", "rotation_arcsec", "scale_ppm"),
    "helmert7": ("source", *_SHIFTS, *_ROTATIONS, "scale_ppm", "convention"),
}
# Beyond these a number is a slip: metres for kilometres, radians for seconds. Seven parameters are linear in rotations.
_MOST_SHIFT_M, _MOST_ROTATION_ARCSEC, _MOST_SCALE_PPM = 10_000.0, 60.0, 10_000.0
_ARCSEC = math.pi / 180.0 / 3600.0
_GEOGRAPHIC = "EPSG:4490"


@dataclass(frozen=True)
class Datum:
    """A coordinate system whose place on the earth is known by parameters, not by a register.

    Parameters
    ----------
    name : str
        As the project file calls it.
    method : {"shift3", "helmert4", "helmert7"}
        Geocentric shift; similarity of the plane (四参数); geocentric shift, rotation and scale (七参数).
    sigma_m : float
        1 sigma of a transformed position in metres, from the residuals of the control points.
    source : str
        For shift3 and helmert7: the legacy system itself, e.g. ``"EPSG:2383"`` or ``"EPSG:4214"``; its ellipsoid and
        projection are used, nothing else.
    target : str
        What the parameters lead to: for helmert4 a projected system such as ``"EPSG:4547"``, else a geographic one.
    dx_m, dy_m, dz_m : float
        Geocentric shift from source to target.
    rx_arcsec, ry_arcsec, rz_arcsec : float
        Rotations in arc seconds.
    scale_ppm : float
        Scale minus one, in parts per million.
    convention : {"position_vector", "coordinate_frame"}
        Sign of the rotations: EPSG methods 1033 and 1032. Both are in use in China; the wrong one is metres off.
    d_east_m, d_north_m, rotation_arcsec : float
        helmert4, with k = 1 + scale_ppm / 1e6 and the angle a from north to east, as surveyors in China write it with
        X = north: ``north' = d_north + k (north cos a - east sin a)``,
        ``east' = d_east + k (north sin a + east cos a)``.

    Raises
    ------
    ParameterError
        If a parameter of the method is missing, foreign to it, or out of all proportion.
    CRSError
        If source or target is not such a system.

    References
    ----------
    IOGP Publication 373-7-2, Coordinate Conversions and Transformations including Formulas, 4.3.1 and 4.3.3.

    Examples
    --------
    >>> grid = Datum("mine-grid", "helmert4", 0.05, target="EPSG:4547", d_east_m=500_000.0, d_north_m=4_100_000.0,
    ...              rotation_arcsec=0.0, scale_ppm=0.0)
    >>> [round(float(value), 6) for value in grid.to_target(0.0, 0.0)]
    [500000.0, 4100000.0]
    """

    name: str
    method: Method
    sigma_m: float
    source: str = ""
    target: str = ""
    dx_m: float | None = None
    dy_m: float | None = None
    dz_m: float | None = None
    rx_arcsec: float | None = None
    ry_arcsec: float | None = None
    rz_arcsec: float | None = None
    scale_ppm: float | None = None
    convention: Convention | None = None
    d_east_m: float | None = None
    d_north_m: float | None = None
    rotation_arcsec: float | None = None

    def __post_init__(self) -> None:
        where = f"datums.{self.name}"
        if self.method not in _NEEDED:
            raise ParameterError(f"{self.method!r} is no method", where=where, expected=f"one of {', '.join(_NEEDED)}")
        given = {entry.name for entry in fields(self)[3:] if getattr(self, entry.name) not in (None, "")}
        needed = set(_NEEDED[self.method])
        if missing := [name for name in _NEEDED[self.method] if name not in given]:
            raise ParameterError(
                f"{self.method} lacks {', '.join(missing)}", where=where, remedy="The surveying office has them"
            )
        if foreign := sorted(given - needed - {"target"}):
            raise ParameterError(f"{', '.join(foreign)} is no parameter of {self.method}", where=where)
        if self.convention not in (None, "position_vector", "coordinate_frame"):
            raise ParameterError(f"the convention is {self.convention!r}", where=where,
                                 expected="position_vector or coordinate_frame")  # fmt: skip
        self._check_sizes(where)
        if self.source:
            _system(self.source, where, projected=None)
        _system(self.target or _GEOGRAPHIC, where, projected=self.method == "helmert4")

    def _check_sizes(self, where: str) -> None:
        limits = dict.fromkeys(_SHIFTS, _MOST_SHIFT_M) | dict.fromkeys(_ROTATIONS, _MOST_ROTATION_ARCSEC)
        limits |= {"scale_ppm": _MOST_SCALE_PPM, "rotation_arcsec": 648_000.0, "sigma_m": 1000.0}
        limits |= {"d_east_m": math.inf, "d_north_m": math.inf}
        for name, limit in limits.items():
            value = getattr(self, name)
            if value is not None and not (math.isfinite(value) and abs(value) <= limit):
                raise ParameterError(f"{name} is {value}", where=where, expected=f"a number, {limit:g} at most")
        if self.sigma_m < 0:
            raise ParameterError(f"sigma_m is {self.sigma_m}", where=where, expected="0 or more")

    @property
    def is_geographic(self) -> bool:
        """Whether its coordinates are degrees."""
        return self.method != "helmert4" and CRS.from_user_input(self.source).is_geographic

    @property
    def leads_to(self) -> str:
        """The system that :meth:`to_target` gives coordinates in."""
        return self.target or _GEOGRAPHIC

    def to_target(self, x: ArrayLike, y: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Coordinates in the target system.

        Parameters
        ----------
        x, y : array_like
            Easting and northing, or longitude and latitude, in this datum. Heights above its ellipsoid count as 0: at
            2000 m that changes a place by less than a decimetre.

        Returns
        -------
        x, y : ndarray
            In the target system, easting (longitude) first; what cannot be transformed is inf.
        """
        east, north = np.broadcast_arrays(np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64))
        if self.method != "helmert4":
            lon, lat = self._own_degrees.transform(east, north)
            lon, lat = np.asarray(lon, dtype=np.float64), np.asarray(lat, dtype=np.float64)
            moved = self._shift.transform(lon, lat, np.zeros_like(lon))
            return np.asarray(moved[0], dtype=np.float64), np.asarray(moved[1], dtype=np.float64)
        angle, scale = (self.rotation_arcsec or 0.0) * _ARCSEC, 1.0 + (self.scale_ppm or 0.0) / 1e6
        p, q = scale * math.cos(angle), scale * math.sin(angle)
        return (self.d_east_m or 0.0) + q * north + p * east, (self.d_north_m or 0.0) + p * north - q * east

    @cached_property
    def _own_degrees(self) -> Transformer:
        source = CRS.from_user_input(self.source)
        return Transformer.from_crs(source, source.geodetic_crs, always_xy=True)

    @cached_property
    def _shift(self) -> Transformer:
        steps = [
            "+proj=pipeline +step +proj=unitconvert +xy_in=deg +xy_out=rad",
            f"+step +proj=cart {_ellipsoid(self.source)}",
            "+step +proj=helmert " + " ".join(f"+{axis}={getattr(self, f'd{axis}_m')!r}" for axis in "xyz"),
        ]
        if self.method == "helmert7":
            turns = " ".join(f"+r{axis}={getattr(self, f'r{axis}_arcsec')!r}" for axis in "xyz")
            steps.append(f"{turns} +s={self.scale_ppm!r} +convention={self.convention}")
        steps.append(f"+step +inv +proj=cart {_ellipsoid(self.leads_to)}")
        steps.append("+step +proj=unitconvert +xy_in=rad +xy_out=deg")
        return Transformer.from_pipeline(" ".join(steps))


def _system(text: str, where: str, *, projected: bool | None) -> CRS:
    wanted = {None: "a geographic or projected CRS such as EPSG:2383", True: "a projected CRS such as EPSG:4547"}
    expected = wanted.get(projected, "a geographic CRS such as EPSG:4490")
    try:
        crs = CRS.from_user_input(text)
    except ProjCRSError as error:
        raise CRSError(f"{text!r} is no coordinate system", where=where, expected=expected) from error
    plain = (crs.is_geographic or crs.is_projected) and not crs.is_bound and not crs.is_compound
    meridian = crs.prime_meridian
    if not plain or (projected is not None and crs.is_projected != projected):
        raise CRSError(f"{text} ({crs.name}) cannot stand here", where=where, expected=expected)
    if meridian is None or abs(meridian.longitude) > 1e-12:
        raise CRSError(f"{text} ({crs.name}) does not count from Greenwich", where=where, expected=expected)
    return crs


def _ellipsoid(text: str) -> str:
    ellipsoid = CRS.from_user_input(text).ellipsoid
    if ellipsoid is None:
        raise CRSError(f"{text} has no ellipsoid", expected="a geographic or projected CRS")
    return f"+a={ellipsoid.semi_major_metre!r} +rf={ellipsoid.inverse_flattening!r}"


@dataclass(frozen=True)
class Helmert4Fit:
    """Four parameters from control points, and how well they fit.

    Attributes
    ----------
    d_east_m, d_north_m, rotation_arcsec, scale_ppm : float
        As in :class:`Datum`.
    residuals_m : ndarray, shape (n, 2)
        Given minus transformed, east and north.
    rms_m : float
        Root mean square of the residual vectors' lengths.
    sigma_m : float
        1 sigma of a coordinate, by the residuals with 2 n - 4 degrees of freedom; NaN for two points, which always fit.
    """

    d_east_m: float
    d_north_m: float
    rotation_arcsec: float
    scale_ppm: float
    rms_m: float
    sigma_m: float
    residuals_m: NDArray[np.float64] = field(repr=False)

    def datum(self, name: str, target: str) -> Datum:
        """The datum with these parameters.

        Raises
        ------
        ParameterError
            If the accuracy is unknown because there were two points only.
        """
        return Datum(
            name, "helmert4", self.sigma_m, target=target, d_east_m=self.d_east_m, d_north_m=self.d_north_m,
            rotation_arcsec=self.rotation_arcsec, scale_ppm=self.scale_ppm,
        )  # fmt: skip


def fit_helmert4(control: ArrayLike) -> Helmert4Fit:
    """The plane similarity that fits control points best, by least squares.

    Parameters
    ----------
    control : array_like, shape (n, 4)
        Easting and northing in the local grid, easting and northing in the target system; metres, two points or more.

    Returns
    -------
    Helmert4Fit

    Raises
    ------
    ParameterError
        If there are fewer than two points, one is not finite, all stand at one place, or the scale is out of all
        proportion (axes swapped, degrees for metres).

    References
    ----------
    The normal equations of a plane similarity are diagonal once both sets are counted from their means.

    Examples
    --------
    >>> control = [[0, 0, 5e5, 4.1e6], [1000, 0, 5.01e5, 4.1e6], [0, 1000, 5e5, 4.10100003e6]]
    >>> fit = fit_helmert4(control)
    >>> round(fit.scale_ppm, 3), round(fit.rms_m, 3), round(fit.sigma_m, 3)
    (15.0, 0.009, 0.011)
    """
    table = np.asarray(control, dtype=np.float64)
    expected = "rows of easting, northing in the grid, then in the target system, in metres"
    if table.ndim != 2 or table.shape[1] != 4 or len(table) < 2 or not np.isfinite(table).all():
        raise ParameterError(f"control points of shape {table.shape}", expected=f"two or more {expected}, all finite")
    middle = table.mean(axis=0)
    east, north, to_east, to_north = (table - middle).T
    spread = float(np.sum(east**2 + north**2))
    if spread < 1.0:
        raise ParameterError("the control points stand at one place", expected="points across the whole grid")
    p = float(np.sum(north * to_north + east * to_east)) / spread
    q = float(np.sum(north * to_east - east * to_north)) / spread
    scale = math.hypot(p, q)
    if abs(scale - 1.0) * 1e6 > _MOST_SCALE_PPM:
        raise ParameterError(
            f"the control points give a scale of {scale:.6g}", expected=expected,
            remedy="Check for swapped axes, degrees, and pairs of points that are not the same",
        )  # fmt: skip
    residuals = np.column_stack([to_east - (q * north + p * east), to_north - (p * north - q * east)])
    squares = float(np.sum(residuals**2))
    freedom = 2 * len(table) - 4
    return Helmert4Fit(
        float(middle[2] - (q * middle[1] + p * middle[0])), float(middle[3] - (p * middle[1] - q * middle[0])),
        math.atan2(q, p) / _ARCSEC, (scale - 1.0) * 1e6, math.sqrt(squares / len(table)),
        math.sqrt(squares / freedom) if freedom else math.nan, residuals,
    )  # fmt: skip
