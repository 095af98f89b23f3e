"""Subsidence basins by the probability integral method: rasters, and values at places."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from sxrisk.errors import ParameterError
from sxrisk.reach.subsidence.panel import Panel, slices_of

__all__ = ["LAYERS", "subsidence_at", "subsidence_basin"]

Array = NDArray[np.float64]

#: Layers of a basin and their units. Horizontal ones are along x (east) and y (north) of the projection.
LAYERS = {
    "subsidence_mm": "mm", "tilt_x": "mm/m", "tilt_y": "mm/m", "tilt": "mm/m",
    "curvature_xx": "1e-3/m", "curvature_yy": "1e-3/m", "curvature_xy": "1e-3/m",
    "curvature_max": "1e-3/m", "curvature_min": "1e-3/m",
    "displacement_x_mm": "mm", "displacement_y_mm": "mm",
    "strain_xx": "mm/m", "strain_yy": "mm/m", "strain_xy": "mm/m", "strain_max": "mm/m", "strain_min": "mm/m",
    "strain_azimuth_deg": "deg",
}  # fmt: skip
_MOST_NODES = 40_000_000
_DEFAULT_SHARE = 0.01


def subsidence_basin(
    panels: Sequence[Panel],
    cell_m: float,
    *,
    bounds: Sequence[float] | None = None,
    crs: Any = None,
    slice_share: float = _DEFAULT_SHARE,
) -> xr.Dataset:
    """Subsidence, tilt, curvature, displacement and strain above caved panels, on a grid.

    Parameters
    ----------
    panels : sequence of Panel
        All in one projected system in metres; several panels and seams are added up.
    cell_m : float
        Distance of the nodes, metres; they lie at odd halves of it, as the centres of a raster's cells.
    bounds : sequence of 4 floats, optional
        (xmin, ymin, xmax, ymax) to cover; default: as far as 1e-11 of the full subsidence.
    crs : optional
        Of the panels; it goes with the result.
    slice_share : float
        Dipping seams are cut into slices inside which the depth differs by at most this part.

    Returns
    -------
    xarray.Dataset
        Variables :data:`LAYERS` on dims (y, x), y falling; ``units`` with each. Subsidence is positive downwards, tilt
        positive where subsidence grows, curvature and strain positive where the ground is convex and pulled.

    Raises
    ------
    ParameterError
        If there are no panels, or the grid would be larger than memory allows.

    Notes
    -----
    ``W = W0 / r^2 times the integral over the panel of exp(-pi d^2 / r^2)``, r = H / tan(beta), integrated exactly over
    the polygon edge by edge, not over cells. ``U = b r grad(W)``, and on a dipping seam ``W cot(theta0)`` towards the
    rise.

    References
    ----------
    Liu, B., Liao, G. (1965), the method as laid down in the guide on mining under buildings, water bodies and railways
    (2017), formulas as in docs/standards.md.

    Examples
    --------
    >>> import shapely
    >>> from sxrisk.reach.subsidence import Panel, RockParameters, subsidence_basin
    >>> rock = RockParameters(q=0.7, tan_beta=2.0, b=0.3)
    >>> panel = Panel(outline=shapely.box(0, 0, 1000, 1000), depth_m=200.0, thickness_m=3.0, rock=rock)
    >>> basin = subsidence_basin([panel], 10.0)
    >>> round(float(basin["subsidence_mm"].max()), 3)
    2100.0
    """
    from sxrisk.reach.subsidence._kernels import fill_grid

    if not panels:
        raise ParameterError("there are no panels", where="panels", expected="one or more")
    if not cell_m > 0:
        raise ParameterError(f"cells of {cell_m} m", where="cell_m", expected="more than 0")
    cut = slices_of(panels, slice_share=slice_share)
    if bounds is None:
        bounds = (*cut.boxes[:, :2].min(axis=0), *cut.boxes[:, 2:].max(axis=0))
    xmin, ymin, xmax, ymax = map(float, bounds)
    first, last = np.floor(np.array([xmin, ymin]) / cell_m), np.ceil(np.array([xmax, ymax]) / cell_m)
    nx, ny = (last - first).astype(int).tolist()
    if not (nx > 0 and ny > 0) or nx * ny > _MOST_NODES:
        raise ParameterError(
            f"a grid of {nx} x {ny} nodes", where="cell_m", expected=f"1 to {_MOST_NODES:,} nodes",
            remedy="Use larger cells or smaller bounds",
        )  # fmt: skip
    # Offsets from the grid's corner: eastings would cost six digits of the distances.
    x, y = (np.arange(nx) + 0.5) * cell_m, (np.arange(ny) + 0.5) * cell_m
    corner = first * cell_m
    shift = np.tile(corner, 2)
    layers = np.empty((len(LAYERS), ny, nx))
    fill_grid(x, y, cut.edges - shift, cut.start, cut.slices, cut.boxes - shift, cut.rectangles_from(corner), layers)
    dataset = xr.Dataset(
        {name: (("y", "x"), values, {"units": LAYERS[name]}) for name, values in zip(LAYERS, layers, strict=True)},
        coords={"y": (corner[1] + y)[::-1], "x": corner[0] + x},
        attrs={"method": "probability_integral", "panels": len(panels)},
    )
    if crs is not None:
        import rioxarray  # noqa: F401  registers the accessor

        dataset = dataset.rio.write_crs(crs)
    return dataset


def subsidence_at(panels: Sequence[Panel], xy: ArrayLike, *, slice_share: float = _DEFAULT_SHARE) -> pd.DataFrame:
    """The same values at places: corners of buildings, points of a pipeline, levelling points.

    Parameters
    ----------
    panels : sequence of Panel
    xy : array-like of shape (n, 2)
        Easting, northing in the panels' system, metres.
    slice_share : float
        As for :func:`subsidence_basin`.

    Returns
    -------
    DataFrame
        n rows, columns :data:`LAYERS`.

    Raises
    ------
    ParameterError
        If places are not of shape (n, 2) or not finite.
    """
    from sxrisk.reach.subsidence._kernels import fill_points

    places = np.asarray(xy, dtype=np.float64)
    if places.ndim != 2 or places.shape[1] != 2 or not np.isfinite(places).all():
        raise ParameterError(f"places of shape {places.shape}", where="xy", expected="finite numbers of shape (n, 2)")
    cut = slices_of(panels, slice_share=slice_share)
    origin = np.round(places.mean(axis=0)) if len(places) else np.zeros(2)
    shift = np.tile(origin, 2)
    layers = np.empty((len(LAYERS), 1, len(places)))
    rectangles = cut.rectangles_from(origin)
    fill_points(places - origin, cut.edges - shift, cut.start, cut.slices, cut.boxes - shift, rectangles, layers)
    return pd.DataFrame(dict(zip(LAYERS, layers[:, 0], strict=True)))
