"""Co-registration of elevation grids: the shift, and if wanted the tilt, that lays one on the other."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr

from sxrisk.errors import CRSError, GeometryError, ParameterError

__all__ = ["Coregistration", "coregister"]

Floats = npt.NDArray[np.float64]

MIN_CELLS = 100
BLOCKS = 5
EDGE = 4
# No elevation grid knows its heights better than a tenth of a millimetre.
RESOLUTION_M = 1e-4


@dataclass(frozen=True)
class Coregistration:
    """How an elevation grid has to move to lie on its reference.

    Parameters
    ----------
    east_m, north_m, up_m : float
        Shift of the grid towards east and north, and what is added to its heights (at `centre`, if tilted).
    tilt_east, tilt_north : float
        Rise of what is added, metres a metre; 0 unless asked for.
    sigma_m : tuple of 3 floats
        1 sigma of the three shifts, by leaving out one block of ground after the other, so that errors that neighbours
        share are counted.
    nmad_before_m, nmad_after_m : float
        Normalised median absolute deviation of the differences on the ground used.
    median_before_m, median_after_m : float
        Their medians.
    n_cells : int
        Cells used.
    iterations : int
        Rounds until the shift stood still.
    converged : bool
        Whether it did.
    centre : (float, float)
        About which a tilt turns.
    """

    east_m: float
    north_m: float
    up_m: float
    tilt_east: float
    tilt_north: float
    sigma_m: tuple[float, float, float]
    nmad_before_m: float
    nmad_after_m: float
    median_before_m: float
    median_after_m: float
    n_cells: int
    iterations: int
    converged: bool
    centre: tuple[float, float]

    def apply(self, dem: xr.DataArray, like: xr.DataArray | None = None) -> xr.DataArray:
        """The grid moved onto its reference.

        Parameters
        ----------
        dem : xarray.DataArray
            Elevation (y, x).
        like : xarray.DataArray, optional
            Whose cells the result has; default the grid's own. Interpolated by cubic splines, NaN next to holes.

        Returns
        -------
        xarray.DataArray
        """
        target = dem if like is None else like
        x, y = np.meshgrid(target.x.values, target.y.values)
        values = _Sampler(dem)(x - self.east_m, y - self.north_m) + self._lift(x, y)
        moved = target.copy(data=values)
        moved.attrs = dict(dem.attrs)
        return moved

    def _lift(self, x: Floats, y: Floats) -> Floats:
        return self.up_m + self.tilt_east * (x - self.centre[0]) + self.tilt_north * (y - self.centre[1])


def coregister(
    dem: xr.DataArray,
    reference: xr.DataArray,
    *,
    stable: Any = None,
    tilt: bool = False,
    max_iterations: int = 50,
    tolerance_px: float = 1e-4,
) -> Coregistration:
    """Shift an elevation grid onto a reference by what slopes of all aspects tell, robustly.

    A horizontal shift shows as a height difference that depends on slope and aspect as a cosine. Its amplitude,
    direction and the vertical offset are estimated together over all cells by iteratively reweighted least squares
    (Tukey's biweight, so that ground that has moved does not pull), the grid is moved, and again.

    Parameters
    ----------
    dem : xarray.DataArray
        Elevation (y, x) to move, metres.
    reference : xarray.DataArray
        Elevation (y, x) to lie on, same coordinate system; the cells may differ.
    stable : shapely geometry or array of bool, optional
        Ground that has not moved: a polygon in the grids' coordinates, or a mask of the reference's shape. Default all,
        with what has moved left to the robust weights (good for a third of the area or so).
    tilt : bool
        Also estimate a tilting plane.
    max_iterations : int
        At most so many rounds.
    tolerance_px : float
        Stands still when a round moves it by less, in the reference's cells.

    Returns
    -------
    Coregistration

    Raises
    ------
    CRSError
        If the systems differ, or are in degrees.
    GeometryError
        If fewer than 100 cells are in common, or the ground is too level to show a horizontal shift.
    ParameterError
        If the mask has another shape.

    References
    ----------
    Nuth, C., Kaeaeb, A. (2011). Co-registration and bias corrections of satellite elevation data sets for quantifying
    glacier thickness change. The Cryosphere 5, 271-290.

    Examples
    --------
    >>> x = np.arange(60.0)
    >>> ground = 5 * np.sin(x / 7)[None, :] + 4 * np.cos(x / 9)[:, None]
    >>> grid = xr.DataArray(ground, coords={"y": x[::-1], "x": x}, dims=("y", "x"))
    >>> moved = grid.assign_coords(x=grid.x + 0.4) + 1.5
    >>> found = coregister(moved, grid)
    >>> round(found.east_m, 2), round(found.up_m, 2)
    (-0.4, -1.5)
    """
    _check_systems(dem, reference)
    x, y = np.meshgrid(reference.x.values, reference.y.values)
    use = _stable_cells(reference, stable, x, y)
    step_x, step_y = _steps(reference)
    sampler, heights = _Sampler(dem), reference.values.astype(np.float64)
    centre = (float(x.mean()), float(y.mean()))
    span = max(float(np.ptp(x)), float(np.ptp(y)), step_x)
    u, v = (x - centre[0]) / span, (y - centre[1]) / span
    shift, lift = np.zeros(2), np.zeros(3)
    east_ref, north_ref = _slopes(heights, step_x, step_y)
    before, rounds, solution = np.empty(0), 0, np.full(3, np.inf)
    step = np.array([step_x, step_y])
    while rounds < max_iterations and (np.abs(solution[:2]) >= tolerance_px * step).any():
        rounds += 1
        placed = sampler(x - shift[0], y - shift[1])
        east, north = _slopes(placed, step_x, step_y)
        # The mean of both slopes makes the step exact to second order.
        east, north = (east + east_ref) / 2.0, (north + north_ref) / 2.0
        usable = use & np.isfinite(placed + heights + east + north)
        if int(usable.sum()) < MIN_CELLS:
            raise GeometryError(
                f"the two grids have {int(usable.sum())} cells of usable ground in common",
                expected=f"at least {MIN_CELLS}",
                remedy="Check their coordinate systems, or widen the stable ground",
            )
        rise = (heights - placed)[usable]
        before = rise if rounds == 1 else before
        columns = [-east[usable], -north[usable], np.ones(len(rise))]
        if tilt:
            columns += [u[usable], v[usable]]
        design = np.column_stack(columns)
        solution, weights = _robust(design, rise)
        shift = shift + solution[:2]
        lift[: len(solution) - 2] = solution[2:]
    residual = rise - design @ solution
    converged = bool((np.abs(solution[:2]) < tolerance_px * step).all())
    blocks = (np.floor((u + 0.5) * BLOCKS * 0.999) + BLOCKS * np.floor((v + 0.5) * BLOCKS * 0.999))[usable]
    sigma = _leave_out_blocks(design, rise, weights, blocks)
    return Coregistration(
        east_m=float(shift[0]), north_m=float(shift[1]), up_m=float(lift[0]),
        tilt_east=float(lift[1] / span), tilt_north=float(lift[2] / span),
        sigma_m=(float(sigma[0]), float(sigma[1]), float(sigma[2])),
        nmad_before_m=_nmad(before), nmad_after_m=_nmad(residual),
        median_before_m=float(np.median(before)), median_after_m=float(np.median(residual)),
        n_cells=len(rise), iterations=rounds, converged=converged, centre=centre,
    )  # fmt: skip


class _Sampler:
    """Cubic spline through a grid's heights, NaN where it would lean on a hole."""

    def __init__(self, dem: xr.DataArray) -> None:
        from scipy import ndimage

        values = dem.values.astype(np.float64)
        known = np.isfinite(values)
        if not known.any():
            raise GeometryError("no cell of the grid has a height", where="coregister")
        if not known.all():
            nearest = ndimage.distance_transform_edt(~known, return_distances=False, return_indices=True)
            values = values[tuple(nearest)]
        self._middle = float(np.median(values))
        # Carried on past the edge as a point reflection keeps the slope there; a plain one would bend it level.
        carried = np.pad(values - self._middle, EDGE, mode="reflect", reflect_type="odd")
        self._spline = ndimage.spline_filter(carried, order=3, mode="mirror")
        self._unknown = (~known).astype(np.float64)
        self._x0, self._y0 = float(dem.x[0]), float(dem.y[0])
        self._dx = float(dem.x[1] - dem.x[0])
        self._dy = float(dem.y[1] - dem.y[0])

    def __call__(self, x: Floats, y: Floats) -> Floats:
        from scipy import ndimage

        rows, columns = (y - self._y0) / self._dy, (x - self._x0) / self._dx
        place = np.stack([rows, columns])
        heights = ndimage.map_coordinates(self._spline, place + EDGE, order=3, mode="nearest", prefilter=False)
        lean = ndimage.map_coordinates(self._unknown, place, order=1, mode="nearest")
        height, width = self._unknown.shape
        slack = 1e-9
        outside = (rows < -slack) | (columns < -slack) | (rows > height - 1 + slack) | (columns > width - 1 + slack)
        return np.where(outside | (lean > 1e-9), np.nan, heights + self._middle)


def _check_systems(dem: xr.DataArray, reference: xr.DataArray) -> None:
    import rioxarray  # noqa: F401  registers the accessor

    if dem.rio.crs != reference.rio.crs:
        raise CRSError(
            f"the grid is in {dem.rio.crs}, its reference in {reference.rio.crs}",
            where="coregister",
            expected="one coordinate system",
            remedy="Reproject one of them: dem.rio.reproject_match(reference)",
        )
    if reference.rio.crs is not None and reference.rio.crs.is_geographic:
        raise CRSError(
            f"the grids are in degrees ({reference.rio.crs})",
            where="coregister",
            expected="metres: a slope in metres a degree means nothing",
            remedy="Reproject them: dem.rio.reproject('EPSG:4547')",
        )
    for grid in (dem, reference):
        if grid.dims != ("y", "x") or min(grid.shape) < 5:
            raise GeometryError(
                f"a grid of {dict(grid.sizes)}", where="coregister", expected="dims (y, x), 5 cells or more"
            )


def _stable_cells(reference: xr.DataArray, stable: Any, x: Floats, y: Floats) -> npt.NDArray[np.bool_]:
    if stable is None:
        return np.ones(reference.shape, dtype=bool)
    if hasattr(stable, "geom_type"):
        from shapely import contains_xy

        return np.asarray(contains_xy(stable, x, y))
    mask = np.asarray(stable, dtype=bool)
    if mask.shape != reference.shape:
        raise ParameterError(
            f"a mask of shape {mask.shape}", where="stable", expected=f"the reference's shape {reference.shape}"
        )
    return mask


def _steps(grid: xr.DataArray) -> tuple[float, float]:
    return abs(float(grid.x[1] - grid.x[0])), abs(float(grid.y[1] - grid.y[0]))


def _slopes(heights: Floats, step_x: float, step_y: float) -> tuple[Floats, Floats]:
    """Rise towards the east and the north by central differences; rows fall towards the south."""
    east, north = np.full(heights.shape, np.nan), np.full(heights.shape, np.nan)
    east[:, 1:-1] = (heights[:, 2:] - heights[:, :-2]) / (2.0 * step_x)
    north[1:-1] = (heights[:-2] - heights[2:]) / (2.0 * step_y)
    return east, north


def _robust(design: Floats, rise: Floats) -> tuple[Floats, Floats]:
    """Solution and weights of least squares with Tukey's biweight."""
    weights: Floats = np.ones(len(rise))
    if not _solvable(design.T @ design):
        raise GeometryError(
            "the ground is too level, or slopes one way only, to show a horizontal shift",
            expected="slopes of several aspects",
            remedy="Take a larger area of stable ground",
        )
    solution: Floats = np.asarray(np.linalg.lstsq(design, rise, rcond=None)[0], dtype=np.float64)
    for _ in range(20):
        # About zero, so that at least half of the cells keep a weight; without noise the scale would shrink to nothing.
        residual = rise - design @ solution
        scale = max(1.4826 * float(np.median(np.abs(residual))), RESOLUTION_M)
        new_weights = np.clip(1.0 - (residual / (4.685 * scale)) ** 2, 0.0, None) ** 2
        normal = design.T @ (new_weights[:, None] * design)
        if not _solvable(normal):
            break
        weights, last = new_weights, solution
        solution = np.asarray(np.linalg.solve(normal, design.T @ (weights * rise)), dtype=np.float64)
        if np.allclose(solution, last, rtol=1e-6, atol=1e-9):
            break
    return solution, weights


def _solvable(normal: Floats) -> bool:
    size = np.sqrt(np.diag(normal))
    return bool((size > 0).all() and np.linalg.cond(normal / np.outer(size, size)) < 1e10)


def _leave_out_blocks(design: Floats, rise: Floats, weights: Floats, blocks: Floats) -> Floats:
    """Jackknife over blocks of ground."""
    normals, sides = [], []
    for block in np.unique(blocks):
        own = blocks == block
        part = design[own]
        normals.append(part.T @ (weights[own, None] * part))
        sides.append(part.T @ (weights[own] * rise[own]))
    whole, side = np.sum(normals, axis=0), np.sum(sides, axis=0)
    if len(normals) < 2:
        return np.full(design.shape[1], np.nan)
    found = np.array([np.linalg.lstsq(whole - a, side - b, rcond=None)[0] for a, b in zip(normals, sides, strict=True)])
    n = len(found)
    return np.asarray(np.sqrt((n - 1) / n * ((found - found.mean(axis=0)) ** 2).sum(axis=0)))


def _nmad(values: Floats) -> float:
    return float(1.4826 * np.median(np.abs(values - np.median(values))))
