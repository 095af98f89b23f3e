"""Rock above a goaf: thickness of its crown pillar as a map, and where it is least."""

from typing import Any

import numpy as np
import pyproj
import rioxarray  # noqa: F401  registers the accessor
import shapely
import xarray as xr
from numpy.typing import NDArray

from sxrisk.crs import plan_transform
from sxrisk.errors import CRSError, GeometryError
from sxrisk.sites.goafs._columns import cell_places, vertical_hits
from sxrisk.sites.goafs.shape import CrownPillar, GoafShape
from sxrisk.surfaces import Mesh

__all__ = ["crown_pillar", "plan_overlap"]

Floats = NDArray[np.float64]


def crown_pillar(
    shape: GoafShape,
    above: Mesh | xr.DataArray,
    *,
    name: str = "",
    above_sigma_m: float = float("nan"),
    height_offset_m: float | None = None,
) -> CrownPillar:
    """Thickness of the rock between the roof of a goaf and the ground, or the level above.

    Upright rays go up from the highest roof at every cell, and at every corner of the mesh in the roof, to the
    elevation model (bilinear) or to the lowest floor above of the other mesh. The least of all is the minimum; of two
    meshes it lies at a corner of one of them, or where edges cross, which the cells catch to within their size.

    Parameters
    ----------
    shape : GoafShape
    above : DataArray or Mesh
        Elevation model with a system and ``attrs["vertical_crs"]``; or the closed mesh of the level above, in the
        coordinates of the goaf.
    name : str
        Of the level above; ``terrain`` for an elevation model.
    above_sigma_m : float
        1 sigma of what is above.
    height_offset_m : float, optional
        Added to the elevation model to bring it into the height system of the goaf, where these differ.

    Returns
    -------
    CrownPillar

    Raises
    ------
    CRSError
        If systems are unknown, or height systems differ and no offset is given.
    GeometryError
        If nothing of the roof lies under what is above.

    Examples
    --------
    >>> from sxrisk.sites.goafs import goaf_shape
    >>> def slab(low, high):
    ...     corners = [[x, y, z] for x in (0, 20) for y in (0, 10) for z in (low, high)]
    ...     return Mesh(corners, [[0, 1, 3], [0, 3, 2], [4, 6, 7], [4, 7, 5], [0, 4, 5], [0, 5, 1], [2, 3, 7],
    ...                           [2, 7, 6], [0, 2, 6], [0, 6, 4], [1, 5, 7], [1, 7, 3]])
    >>> crown = crown_pillar(goaf_shape(slab(0, 5)), slab(12, 15), name="upper level")
    >>> crown.minimum_m, round(crown.ratio, 3)
    (7.0, 0.7)
    """
    terrain = not isinstance(above, Mesh)
    if isinstance(above, Mesh):
        _check_plan(shape.crs, above.crs)
    else:
        _check_heights(shape, above, height_offset_m)
    offset = float(height_offset_m or 0.0)
    cells = cell_places(shape.roof_level_m)
    roof = shape.roof_level_m.values.ravel()
    corners = _roof_corners(shape)

    def thickness(places: Floats, level: Floats) -> Floats:
        if isinstance(above, Mesh):
            return vertical_hits(above, places).lowest_above(level, upward=False) - level
        return _ground(above, shape.crs, places) + offset - level

    values = np.full(len(roof), np.nan)
    inside = np.isfinite(roof)
    values[inside] = thickness(cells[inside], roof[inside])
    every = np.concatenate([values, thickness(corners[:, :2], corners[:, 2])])
    if not np.isfinite(every).any():
        raise GeometryError(
            "nothing of the roof lies under what is above it",
            where=name or ("terrain" if terrain else "level above"),
            expected="an elevation model or a mesh that covers the goaf in plan",
        )
    where = int(np.nanargmin(every))
    places = np.concatenate([np.column_stack([cells, roof]), corners])
    minimum = float(every[where])
    sigma = float(np.hypot(shape.sigma_m, above_sigma_m))
    span = shape.span_m
    return CrownPillar(
        thickness_m=shape.roof_level_m.copy(data=values.reshape(shape.roof_level_m.shape)).rename("crown_thickness_m"),
        minimum_m=minimum,
        sigma_m=sigma,
        place=places[where],
        above="terrain" if terrain else name or "level above",
        ratio=minimum / span,
        # Both walls beside the span move by a sigma.
        ratio_sigma=float(np.hypot(sigma, 2.0 * shape.sigma_m * minimum / span) / span),
        covered_share=float(np.isfinite(values[inside]).mean()) if inside.any() else 0.0,
    )


def plan_overlap(one: GoafShape, two: GoafShape) -> tuple[float, float]:
    """Overlap in plan of two levels: its area, and 1 sigma of that.

    Parameters
    ----------
    one, two : GoafShape
        In the same system. Pillars are not mined and do not overlap.

    Returns
    -------
    area_m2, sigma_m2 : float

    Raises
    ------
    CRSError
        If the systems differ.
    """
    _check_plan(one.crs, two.crs)
    common = shapely.intersection(one.outline, two.outline)
    # Each edge of the common area is a wall of one of the two.
    return float(common.area), float(common.length * max(one.sigma_m, two.sigma_m))


def _roof_corners(shape: GoafShape) -> Floats:
    triangles = [face.triangles for face in shape.roofs]
    rows = np.unique(shape.mesh.faces[np.concatenate(triangles)]) if triangles else np.empty(0, np.int64)
    return np.asarray(shape.mesh.vertices[rows])


def _check_plan(one: Any, two: Any) -> None:
    if one is None or two is None:
        if one is not two:
            raise CRSError("only one of the two levels states its coordinate system", remedy="Give it for both")
        return
    if not pyproj.CRS(one).equals(pyproj.CRS(two), ignore_axis_order=True):
        raise CRSError("the two levels have different coordinate systems", remedy="Bring both into one system")


def _check_heights(shape: GoafShape, dem: xr.DataArray, height_offset_m: float | None) -> None:
    if dem.rio.crs is None or shape.crs is None:
        raise CRSError(
            "the elevation model or the goaf has no coordinate system", where="crown pillar", remedy="Give both"
        )
    stated = dem.attrs.get("vertical_crs")
    equal = (
        stated
        and shape.vertical_crs is not None
        and pyproj.CRS.from_user_input(stated).equals(shape.vertical_crs, ignore_axis_order=True)
    )
    if height_offset_m is None and not equal:
        raise CRSError(
            "the height systems of goaf and elevation model are unknown or differ",
            where="crown pillar",
            expected="the same height system",
            remedy="State both, or give the offset from one to the other (dem_height_offset_m)",
        )


def _ground(dem: xr.DataArray, crs: Any, places: Floats) -> Floats:
    to_dem = plan_transform(pyproj.CRS(crs), pyproj.CRS.from_user_input(dem.rio.crs))
    x, y = to_dem(places[:, 0], places[:, 1])
    return np.asarray(dem.interp(x=xr.DataArray(x, dims="p"), y=xr.DataArray(y, dims="p")).values, dtype=np.float64)
