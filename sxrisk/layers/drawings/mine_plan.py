"""Mine plans as a layer of worked areas (goafs) with depth, dip and thickness."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import numpy as np
import shapely
from numpy.typing import NDArray
from pyproj import CRS

from sxrisk.crs import GEOGRAPHIC_EPSG, move_geometries, parse_crs
from sxrisk.errors import ParameterError
from sxrisk.layers._source import check_file
from sxrisk.layers.drawings.dxf import open_drawing
from sxrisk.layers.drawings.plan_areas import PlanLayers, mine_plan_source
from sxrisk.layers.read import understand
from sxrisk.layers.report import LoadedLayer, Rejects
from sxrisk.layers.tables.places import place

if TYPE_CHECKING:
    import xarray as xr

__all__ = ["goafs_from_mine_plan"]

_Elevation = Callable[[NDArray[np.float64], NDArray[np.float64]], NDArray[np.float64]]


def goafs_from_mine_plan(
    path: str | Path,
    *,
    crs: str | int | CRS | None = None,
    goaf_layers: Sequence[str] | None = None,
    contour_layers: Sequence[str] | None = None,
    thickness_layers: Sequence[str] | None = None,
    ground_layers: Sequence[str] | None = None,
    ground: "float | xr.DataArray | _Elevation | None" = None,
    ground_sigma_m: float = 0.0,
    **reading: Any,
) -> LoadedLayer:
    r"""Worked areas of a mine plan (DXF), their depth, dip and thickness taken from what the plan shows.

    The floor of the seam is a least-squares plane through the points of the floor contours (底板等高线) in the area
    and, where fewer than three levels cross it, around it. A contour's elevation is its own (z), else the figure
    written beside it within four text heights; contours whose figures contradict each other, or by half a contour
    interval the contours around them, are left out and reported (``contours_contradicted``), figures that stand between
    two contours are reported (``contour_labels_doubtful``).
    Thickness is the mean over the area of the figures (煤厚), interpolated linearly between them. A note in an area,
    such as ``2018.5 采厚3.2m 3#煤``, tells its own thickness and when mining stopped; the forms are those of
    :func:`sxrisk.layers.drawings.plan_notes.notes_of_area`. Outlines left open by at most 0.5 m or a thousandth of
    their length are closed (``ring_closed``), others are rejected (``ring_not_closed``).

    Parameters
    ----------
    path : str or Path
        DXF, R12 or later, in metres, x to the east.
    crs : str, int or pyproj.CRS
        What the plan's coordinates are in, e.g. ``"EPSG:4546"``; zone-prefixed eastings (37xxxxxx) name their own zone.
    goaf_layers, contour_layers, thickness_layers, ground_layers : sequence of str, optional
        Names of CAD layers; default those whose names say it (采空区, 底板等高线, 煤厚, 地面标高).
    ground : float, xarray.DataArray or callable, optional
        Elevation of the ground in the plan's height system: one for all, an elevation model of ``read_dem``, or
        ``f(x, y)`` of plan coordinates. Default what the ground layers show; without either there is no depth, and
        ``floor_elevation_m`` is what is known.
    ground_sigma_m : float
        1 sigma of it, metres.
    **reading
        ``name``, ``position_sigma_m``, ``columns``, ``where``, ``values``, ``region``, ``region_margin_m``, ``strict``
        as in :func:`load_layer`.

    Returns
    -------
    LoadedLayer
        Kind ``goaf``. Columns ``depth_m`` (ground to the seam's floor, mean over the area), ``depth_min_m``,
        ``depth_max_m``, ``depth_sigma_m``, ``dip_deg``, ``dip_direction_deg`` (azimuth of the fall from the grid's
        north), ``dip_sigma_deg``, ``thickness_m``, ``thickness_sigma_m``, ``stopped_on``, ``floor_elevation_m``,
        ``floor_sigma_m``, ``ground_elevation_m``, ``floor_contours`` (lines that bear on the plane), ``floor_search_m``
        (how far outside the area they were looked for). The sigmas hold what the plan's figures disagree by, not errors
        that all of them share.

    Raises
    ------
    FileFormatError
        No DXF, or nothing on the layers of worked areas.
    ParameterError
        A negative `ground_sigma_m`; a CAD layer that is not in the drawing.
    CRSError, InputError
        As :func:`load_layer`.

    Examples
    --------
    >>> import ezdxf
    >>> from tempfile import TemporaryDirectory
    >>> plan = ezdxf.new("R2010")
    >>> for east in range(0, 500, 100):  # falls 100 m to 10 m: 5.71 degrees, to the east
    ...     line = [(500_000 + east, 4_100_000), (500_000 + east, 4_100_400)]
    ...     _ = plan.modelspace().add_lwpolyline(line, dxfattribs={"layer": "底板等高线", "elevation": 800 - east / 10})
    >>> square = [(500_100, 4_100_100), (500_300, 4_100_100), (500_300, 4_100_300), (500_100, 4_100_300)]
    >>> _ = plan.modelspace().add_lwpolyline(square, close=True, dxfattribs={"layer": "采空区"})
    >>> with TemporaryDirectory() as folder:
    ...     plan.saveas(Path(folder, "plan.dxf"))
    ...     goaf = goafs_from_mine_plan(Path(folder, "plan.dxf"), crs="EPSG:4547", ground=1200.0).frame.iloc[0]
    >>> [round(float(goaf[name]), 2) for name in ("depth_m", "dip_deg", "dip_direction_deg")]
    [420.0, 5.71, 90.0]
    """
    path = check_file(path)
    if not (np.isfinite(ground_sigma_m) and ground_sigma_m >= 0):
        raise ParameterError(f"ground_sigma_m is {ground_sigma_m}", expected="a number of metres, 0 or more")
    drawing = open_drawing(path)
    names = sorted({drawing.layer(at) for at in range(len(drawing.entities))})
    found = PlanLayers.recognised(names)
    given = {"goaf": goaf_layers, "contours": contour_layers, "thickness": thickness_layers, "ground": ground_layers}
    for use, wanted in given.items():
        unknown = sorted(set(wanted or ()) - set(names))
        if unknown:
            raise ParameterError(
                f"there is no CAD layer {unknown[0]!r} for {use}", where=path, expected=f"some of {', '.join(names)}"
            )
    layers = PlanLayers(
        *(getattr(found, use) if wanted is None else frozenset(wanted) for use, wanted in given.items())
    )
    source = mine_plan_source(
        drawing, layers, path, ground=_ground(ground, crs, path), ground_sigma_m=float(ground_sigma_m)
    )
    return understand(source, path, kind="goaf", crs=crs, **reading)


def _ground(
    ground: "float | xr.DataArray | _Elevation | None", crs: str | int | CRS | None, path: Path
) -> _Elevation | None:
    """Elevation of the ground at plan coordinates."""
    import xarray as xr

    if isinstance(ground, xr.DataArray):
        return _of_model(ground, crs, path)
    if ground is None or callable(ground):
        return ground
    level = float(ground)
    if not np.isfinite(level):
        raise ParameterError(f"ground is {ground}", expected="an elevation in metres")
    return lambda x, y: np.full(x.shape, level)


def _of_model(dem: "xr.DataArray", crs: str | int | CRS | None, path: Path) -> _Elevation:
    import xarray as xr

    if dem.rio.crs is None:
        raise ParameterError("the elevation model has no CRS", expected="one of sxrisk.read_dem")

    def elevation(x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.float64]:
        rows = np.arange(1, len(x) + 1, dtype=np.int64)
        rejects = Rejects(len(x))
        # Through the same door as the layer: zone prefixes and datums mean the same for both.
        placed = place(shapely.points(x, y), parse_crs("" if crs is None else crs), path, rows, rejects).geometry
        result = np.full(len(x), np.nan)
        good = np.flatnonzero(rejects.kept)
        there = gpd.array.from_shapely(move_geometries(placed[good], GEOGRAPHIC_EPSG, dem.rio.crs.to_wkt()))
        at = {name: xr.DataArray(value, dims="place") for name, value in (("x", there.x), ("y", there.y))}
        result[good] = dem.interp(at, method="linear").to_numpy()
        return result

    return elevation
