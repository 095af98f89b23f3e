"""From local coordinates to a projected system by control points, with residuals and a verdict on each point."""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyproj
from scipy.stats import t as student

from sxrisk.errors import FileFormatError, GeometryError, MissingFieldError, ParameterError
from sxrisk.scans._adjustment import Adjustment, adjust_plan, adjust_space, design_of
from sxrisk.scans._crs import split_crs
from sxrisk.scans.scan import Scan

__all__ = ["Placement", "place"]

Floats = npt.NDArray[np.float64]

LOCAL, TARGET = ("x", "y", "z"), ("target_x", "target_y", "target_z")
SIGNIFICANCE = 0.01  # of the whole test on outliers, shared out among the points


@dataclass(frozen=True, repr=False)
class Placement:
    """A transform from local coordinates to a projected system, and how well the control points agree with it.

    Attributes
    ----------
    method : str
        ``space`` (3D Helmert: rotation, shift, perhaps scale) or ``plan`` (plane similarity and height shift).
    matrix : ndarray, shape (3, 3)
        Rotation times scale: ``target = matrix @ (local - local_centre) + target_centre``.
    local_centre, target_centre : ndarray, shape (3,)
        Centres of the control points in the two systems.
    scale : float
        Of lengths in plan (and height, for ``space``).
    rotation_deg : tuple of 3 floats
        About x, y and z, degrees, in this order.
    sigma0 : float
        1 sigma of unit weight by the residuals: metres of a coordinate, or, where sigmas were given, how many times
        larger than those the residuals are; NaN without redundancy.
    redundancy : int
        Observations minus parameters.
    residuals : DataFrame
        A row per control point: ``id``, ``dx_m``, ``dy_m``, ``dz_m`` (given minus transformed), ``length_m``,
        ``standardised`` (residual by its own sigma; the largest of the three coordinates), ``outlier``.
    covariance : ndarray, shape (u, u)
        Of shift (m), rotations (radians) and scale, where it was fitted; NaN without redundancy.
    crs, vertical_crs : pyproj.CRS or None
        Systems of the target coordinates.
    """

    method: str
    matrix: Floats
    local_centre: Floats
    target_centre: Floats
    scale: float
    rotation_deg: tuple[float, float, float]
    sigma0: float
    redundancy: int
    residuals: pd.DataFrame
    covariance: Floats
    crs: pyproj.CRS | None = None
    vertical_crs: pyproj.CRS | None = None

    @property
    def outliers(self) -> tuple[str, ...]:
        """Names of the control points that do not agree with the others, the worst first."""
        told = self.residuals[self.residuals["outlier"]].sort_values("standardised", ascending=False)
        return tuple(told["id"])

    @property
    def rms_m(self) -> float:
        """Root mean square of the residuals' lengths, metres."""
        return float(np.sqrt(np.mean(self.residuals["length_m"].to_numpy() ** 2)))

    def transform(self, points: npt.ArrayLike) -> Floats:
        """Points (n, 3) of the local system in the target system."""
        local = np.asarray(points, dtype=np.float64).reshape(-1, 3)
        return np.asarray((local - self.local_centre) @ self.matrix.T + self.target_centre)

    def sigma_at(self, points: npt.ArrayLike) -> Floats:
        """1 sigma (n,) of a coordinate of transformed local points (n, 3) by the fit alone, metres; NaN if unknown."""
        turned = self.transform(points) - self.target_centre
        angles = 3 if self.method == "space" else 1
        design = design_of(turned, self.method, len(self.covariance) > 3 + angles)
        return np.asarray(np.sqrt(np.einsum("nij,jk,nik->n", design, self.covariance, design) / 3.0))

    def apply(self, scan: Scan) -> Scan:
        """The scan with its points and stations in the target system.

        The uncertainty of its registration grows by that of the fit at the corners of its bounds.

        Parameters
        ----------
        scan : Scan
            In the local system: without a coordinate system of its own.

        Raises
        ------
        ParameterError
            If the scan already has a coordinate system.
        """
        if scan.crs is not None:
            raise ParameterError(
                f"the scan is in {scan.crs_text} already",
                where=scan.source or None,
                expected="local coordinates",
                remedy="Reproject it with scan.to_crs, or drop its system first: scan.replace(crs=None)",
            )
        sigma = scan.registration_sigma_m
        if math.isfinite(self.sigma0):
            low, high = np.array(scan.bounds()).reshape(2, 3)
            corners = np.stack(np.meshgrid(*zip(low, high, strict=True)), axis=-1).reshape(-1, 3)
            sigma = math.hypot(sigma or 0.0, float(np.sqrt(np.mean(self.sigma_at(corners) ** 2))))
        return scan.replace(
            xyz=self.transform(scan.xyz),
            stations=None if scan.stations is None else self.transform(scan.stations),
            crs=self.crs,
            vertical_crs=self.vertical_crs if self.vertical_crs is not None else scan.vertical_crs,
            registration_sigma_m=sigma,
        )

    def to_dict(self) -> dict[str, Any]:
        """As plain values, ready for JSON; NaN as None."""
        rows = self.residuals.astype(object).where(self.residuals.notna(), None).to_dict("records")
        return {
            "method": self.method,
            "matrix": self.matrix.tolist(),
            "local_centre": self.local_centre.tolist(),
            "target_centre": self.target_centre.tolist(),
            "scale": self.scale,
            "rotation_deg": list(self.rotation_deg),
            "sigma0": self.sigma0 if math.isfinite(self.sigma0) else None,
            "redundancy": self.redundancy,
            "rms_m": self.rms_m,
            "outliers": list(self.outliers),
            "residuals": rows,
            "crs": None if self.crs is None else self.crs.to_string(),
            "vertical_crs": None if self.vertical_crs is None else self.vertical_crs.to_string(),
        }

    def __repr__(self) -> str:
        kind = "3D Helmert" if self.method == "space" else "plane similarity and height shift"
        sigma = f"sigma0 {self.sigma0:.4g}" if math.isfinite(self.sigma0) else "no redundancy, no check"
        outliers = f", outliers: {', '.join(self.outliers)}" if self.outliers else ""
        return (
            f"<Placement {kind}: {len(self.residuals)} control points, scale {(self.scale - 1) * 1e6:+.1f} ppm, "
            f"rms {self.rms_m * 1000:.1f} mm, {sigma}{outliers}>"
        )


def place(
    scan: Scan | None,
    control: pd.DataFrame | str | Path,
    *,
    method: Literal["space", "plan"] = "space",
    scale: bool = False,
    crs: Any = None,
    vertical_crs: Any = None,
) -> Placement:
    """Fit the transform from a scan's local coordinates to a projected system through control points.

    Parameters
    ----------
    scan : Scan or None
        What is to be placed, to check that the control points belong to it: they must lie in or near its bounds. None
        leaves that unchecked.
    control : DataFrame or path of a CSV
        Columns ``x``, ``y``, ``z`` (local), ``target_x``, ``target_y``, ``target_z`` (easting, northing, height), and,
        if they are known, ``id`` and ``sigma_m`` (1 sigma of a point's coordinates; weights are 1 / sigma_m^2, else
        all weigh the same).
    method : {"space", "plan"}
        ``space``: 3D Helmert with three rotations, for clouds that may be tilted. ``plan``: rotation about the vertical
        and one height shift, for levelled instruments; two points are enough, and points in one line will do.
    scale : bool
        Whether lengths may be scaled. Left out, a scanner's metres are trusted.
    crs, vertical_crs : pyproj.CRS, int or str, optional
        Systems of the target coordinates.

    Returns
    -------
    Placement

    Raises
    ------
    MissingFieldError
        If a column is missing.
    GeometryError
        If points are too few, not finite, or stand so that the transform is not determined (in one place; for
        ``space`` in one line), or lie far from the scan.
    ParameterError
        If a sigma is not positive or `method` is unknown.
    CRSError
        If a system is unknown, a legacy datum, or geocentric.
    FileFormatError
        If the CSV cannot be read.

    References
    ----------
    Umeyama, S. (1991): Least-squares estimation of transformation parameters between two point patterns. IEEE PAMI 13.
    Baarda, W. (1968): A testing procedure for use in geodetic networks (standardised residuals).
    Pope, A. J. (1976): The statistics of residuals and the detection of outliers. NOAA TR NOS 65 NGS 1 (their
    distribution where sigma0 comes from the same residuals).

    Examples
    --------
    >>> import pandas as pd
    >>> from sxrisk.scans import Scan, place
    >>> control = pd.DataFrame({
    ...     "x": [0.0, 10.0, 10.0, 0.0], "y": [0.0, 0.0, 10.0, 10.0], "z": [0.0, 0.0, 1.0, 2.0],
    ...     "target_x": [512000.0, 512000.0, 511990.0, 511990.0],
    ...     "target_y": [4123000.0, 4123010.0, 4123010.0, 4123000.0], "target_z": [900.0, 900.0, 901.0, 902.0]})
    >>> placement = place(None, control, crs="EPSG:4547")
    >>> [round(angle, 6) + 0.0 for angle in placement.rotation_deg], placement.redundancy
    ([0.0, 0.0, 90.0], 6)
    >>> placement.apply(Scan([[5.0, 0.0, 0.0]])).xyz.round(3).tolist()
    [[512000.0, 4123005.0, 900.0]]
    """
    if method not in ("space", "plan"):
        raise ParameterError(f"method {method!r}", where="method", expected="'space' or 'plan'")
    where = Path(control) if isinstance(control, str | Path) else "control"
    table = _read(control) if isinstance(control, str | Path) else control
    names, local, target, sigma = _columns(table, where)
    if scan is not None:
        _check_near(scan, local, where)
    horizontal, vertical = split_crs(crs, vertical_crs)
    adjustment = (adjust_space if method == "space" else adjust_plan)(local, target, sigma, scale, where)
    return Placement(
        method,
        adjustment.matrix,
        adjustment.local_centre,
        adjustment.target_centre,
        adjustment.scale,
        _angles(adjustment.matrix),
        adjustment.sigma0,
        adjustment.redundancy,
        _verdicts(names, adjustment),
        adjustment.covariance,
        horizontal,
        vertical,
    )


def _read(path: str | Path) -> pd.DataFrame:
    try:
        return pd.read_csv(path, sep=None, engine="python", encoding="utf-8-sig", comment="#")
    except (OSError, ValueError, pd.errors.ParserError) as error:
        raise FileFormatError(
            f"the control points cannot be read ({str(error)[:120]})", where=path, expected="a CSV with a header"
        ) from error


def _columns(table: pd.DataFrame, where: str | Path) -> tuple[list[str], Floats, Floats, Floats]:
    table = table.rename(columns=lambda name: str(name).strip().lower())
    missing = [name for name in (*LOCAL, *TARGET) if name not in table.columns]
    if missing:
        raise MissingFieldError(
            f"the control points have no column {', '.join(missing)}",
            where=where,
            expected=f"{', '.join(LOCAL)} (local) and {', '.join(TARGET)}",
        )
    numbers = table[[*LOCAL, *TARGET]].apply(pd.to_numeric, errors="coerce").to_numpy(dtype=np.float64)
    names = [str(name) for name in (table["id"] if "id" in table.columns else range(1, len(table) + 1))]
    bad = ~np.isfinite(numbers).all(axis=1)
    if bad.any():
        raise GeometryError(
            f"control point {names[int(np.flatnonzero(bad)[0])]!r} has a coordinate that is no finite number",
            where=where,
            expected="finite numbers; leave points out that were not measured",
        )
    sigma = np.ones(len(table))
    if "sigma_m" in table.columns:
        sigma = pd.to_numeric(table["sigma_m"], errors="coerce").to_numpy(dtype=np.float64)
        if not (np.isfinite(sigma) & (sigma > 0)).all():
            raise ParameterError(
                "a sigma_m is missing or not positive", where=where, expected="metres above 0, or none"
            )
    return names, numbers[:, :3], numbers[:, 3:], sigma


def _check_near(scan: Scan, local: Floats, where: str | Path) -> None:
    box = np.array(scan.bounds()).reshape(2, 3)
    reach = float(np.linalg.norm(box[1] - box[0]))
    off = np.maximum(np.maximum(box[0] - local, local - box[1]), 0.0)
    if (np.linalg.norm(off, axis=1) > max(reach, 100.0)).all():
        raise GeometryError(
            f"all control points lie farther from the scan than it is wide ({reach:.0f} m)",
            where=where,
            expected="x, y, z in the scan's own coordinates, target_x, target_y, target_z in the target system",
            remedy="Are the two sets of columns swapped?",
        )


def _verdicts(names: list[str], adjustment: Adjustment) -> pd.DataFrame:
    table = pd.DataFrame({"id": names})
    table[["dx_m", "dy_m", "dz_m"]] = adjustment.residuals
    table["length_m"] = np.linalg.norm(adjustment.residuals, axis=1)
    # A coordinate that the fit follows wholly has no residual, and nothing can be said of it.
    worst = np.nan_to_num(adjustment.standardised, nan=0.0).max(axis=1)
    known = np.isfinite(adjustment.standardised).any(axis=1)
    table["standardised"] = np.where(known, worst, np.nan)
    critical = _critical(adjustment.redundancy, int(np.isfinite(adjustment.standardised).sum()))
    # One wrong point bends the fit and drags its neighbours along: only the worst is named surely.
    flagged = known & (worst > critical)
    table["outlier"] = flagged & (worst >= worst.max(initial=0.0) - 1e-9)
    return table


def _critical(redundancy: int, tests: int) -> float:
    """Limit of the largest of `tests` standardised residuals by Pope's tau distribution."""
    if redundancy < 2 or not tests:
        return math.inf
    quantile = float(student.ppf(1.0 - SIGNIFICANCE / (2 * tests), redundancy - 1))
    return math.sqrt(redundancy) * quantile / math.sqrt(redundancy - 1 + quantile**2)


def _angles(matrix: Floats) -> tuple[float, float, float]:
    turn = matrix / np.cbrt(np.linalg.det(matrix))
    about_y = -math.asin(float(np.clip(turn[2, 0], -1.0, 1.0)))
    about_x, about_z = math.atan2(turn[2, 1], turn[2, 2]), math.atan2(turn[1, 0], turn[0, 0])
    return math.degrees(about_x), math.degrees(about_y), math.degrees(about_z)
