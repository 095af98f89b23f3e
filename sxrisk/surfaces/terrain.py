"""Terrain meshes: a regular triangulation with honest holes, and fewer faces where the ground is flat."""

import numpy as np
import numpy.typing as npt
import xarray as xr
from scipy.spatial import cKDTree

from sxrisk.errors import GeometryError, ParameterError
from sxrisk.scans._open3d import load_open3d
from sxrisk.scans.cloud import Cloud
from sxrisk.surfaces.grids import fill_gaps, grid_elevation, grid_points
from sxrisk.surfaces.mesh import Mesh

__all__ = ["simplify", "terrain_mesh"]


def terrain_mesh(
    source: Cloud | xr.DataArray,
    cell_m: float | None = None,
    *,
    max_gap_m: float = 0.0,
    max_error_m: float | None = None,
    max_faces: int | None = None,
) -> Mesh:
    """Mesh of the ground from an elevation grid, faces up, with as few faces as wanted.

    Parameters
    ----------
    source : Scan, TiledScan or xarray.DataArray
        A cloud in metres, gridded to the mean height per cell, or an elevation grid (y, x).
    cell_m : float, optional
        Cell for a cloud, metres; a grid has its own.
    max_gap_m : float
        Gaps no wider are filled from their rims; others stay holes.
    max_error_m : float, optional
        Leave out cells as long as none of them is farther than this above or below the mesh, metres: a promise for
        every cell that a face covers, and holes stay where they are. Without it there is a vertex per cell.
    max_faces : int, optional
        Simplify to at most so many faces by quadric error, which promises no distance (see :func:`mesh_deviation`).

    Returns
    -------
    Mesh
        With the field ``elevation_m``.

    Raises
    ------
    ParameterError
        If `cell_m` is missing for a cloud, or given for a grid; if both limits are given, or the error is negative.
    GeometryError
        If not three neighbouring cells have a height.

    Examples
    --------
    >>> from sxrisk import Scan
    >>> plain = Scan([[x + 0.5, y + 0.5, 10.0] for x in range(4) for y in range(3)])
    >>> terrain_mesh(plain, 1.0).area_m2
    6.0
    >>> len(terrain_mesh(plain, 1.0, max_error_m=0.01).faces)
    2
    """
    if isinstance(source, xr.DataArray) != (cell_m is None):
        raise ParameterError(f"cell_m={cell_m}", where="terrain_mesh", expected="a cell for a scan, none for a grid")
    if max_error_m is not None and (max_faces is not None or not max_error_m >= 0):
        raise ParameterError(
            f"max_error_m={max_error_m} with max_faces={max_faces}",
            where="terrain_mesh",
            expected="a vertical error of zero or more, or a number of faces, not both",
        )
    grid = source if isinstance(source, xr.DataArray) else grid_elevation(source, float(cell_m or 0.0))
    grid, _ = fill_gaps(grid, max_gap_m)
    if max_error_m is None:
        faces, used = _grid_faces(grid.values)
        heights = grid.values.ravel()[used]
    else:
        from sxrisk.surfaces._adaptive import adaptive_faces

        faces, used, heights = adaptive_faces(grid.values, max_error_m)
    if not len(faces):
        raise GeometryError(
            "no three neighbouring cells of the grid have a height", expected="a denser scan", remedy="Use larger cells"
        )
    x, y = grid_points(grid)
    vertices = np.column_stack([x.ravel()[used], y.ravel()[used], heights])
    mesh = Mesh(vertices, faces, crs=_grid_crs(grid), vertex_fields={"elevation_m": vertices[:, 2].copy()})
    return mesh if max_faces is None else simplify(mesh, max_faces)


def simplify(mesh: Mesh, max_faces: int, *, record_error: bool = False) -> Mesh:
    """The mesh with at most about `max_faces` faces, by quadric error: flat parts lose most.

    Vertex fields are taken from the nearest vertex of the original; ``elevation_m`` is computed anew.

    Parameters
    ----------
    mesh : Mesh
        Any triangle mesh.
    max_faces : int
        At least 4.
    record_error : bool
        Measure the decimation error and keep it as vertex field ``decimation_error_m``: the greatest distance from the
        simplified mesh of those vertices of the original that are nearest to the vertex. Its maximum is that of the
        mesh; :func:`mesh_deviation` also looks the other way.

    Returns
    -------
    Mesh
        The same mesh if it is small enough.

    Raises
    ------
    ParameterError
        If `max_faces` is below 4.
    """
    if max_faces < 4:
        raise ParameterError(f"{max_faces} faces", where="max_faces", expected="at least 4")
    if len(mesh.faces) <= max_faces:
        return mesh.with_fields(decimation_error_m=np.zeros(len(mesh.vertices))) if record_error else mesh
    open3d = load_open3d()
    shape = open3d.geometry.TriangleMesh(
        open3d.utility.Vector3dVector(mesh.vertices - mesh.origin), open3d.utility.Vector3iVector(mesh.faces)
    )
    # Rims carry weight, so that holes and the outer edge stay where they are.
    small = shape.simplify_quadric_decimation(target_number_of_triangles=max_faces, boundary_weight=3.0)
    small.remove_degenerate_triangles()
    small.remove_unreferenced_vertices()
    vertices = np.asarray(small.vertices) + mesh.origin
    _, nearest = cKDTree(mesh.vertices - mesh.origin).query(vertices - mesh.origin, workers=-1)
    fields = {name: values[nearest] for name, values in mesh.vertex_fields.items()}
    if "elevation_m" in fields:
        fields["elevation_m"] = vertices[:, 2].copy()
    result = Mesh(vertices, np.asarray(small.triangles), crs=mesh.crs, vertex_fields=fields)
    return _with_error(result, mesh) if record_error else result


def _with_error(small: Mesh, original: Mesh) -> Mesh:
    from sxrisk.surfaces.deviation import distances_to_mesh

    away = distances_to_mesh(original.vertices, small)
    _, home = cKDTree(small.vertices - original.origin).query(original.vertices - original.origin, workers=-1)
    error = np.zeros(len(small.vertices))
    np.maximum.at(error, home, away)
    return small.with_fields(decimation_error_m=error)


def _grid_faces(z: npt.NDArray[np.float64]) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int64]]:
    """Faces among the known cells, split along the flatter diagonal, and the cells they use."""
    known = np.isfinite(z)
    index = np.arange(z.size).reshape(z.shape)
    # Corners of each square of four cells: north-west, north-east, south-west, south-east.
    cells = [np.s_[:-1, :-1], np.s_[:-1, 1:], np.s_[1:, :-1], np.s_[1:, 1:]]
    nw, ne, sw, se = (index[part] for part in cells)
    k_nw, k_ne, k_sw, k_se = (known[part] for part in cells)
    z_nw, z_ne, z_sw, z_se = (z[part] for part in cells)
    four = k_nw & k_ne & k_sw & k_se
    with np.errstate(invalid="ignore"):
        falling = four & (np.abs(z_nw - z_se) <= np.abs(z_ne - z_sw))
    rising = four & ~falling
    corners = [
        (falling, nw, sw, se), (falling, nw, se, ne), (rising, nw, sw, ne), (rising, ne, sw, se),
        (k_nw & k_sw & k_se & ~k_ne, nw, sw, se), (k_nw & k_se & k_ne & ~k_sw, nw, se, ne),
        (k_nw & k_sw & k_ne & ~k_se, nw, sw, ne), (k_ne & k_sw & k_se & ~k_nw, ne, sw, se),
    ]  # fmt: skip
    faces = np.concatenate([np.column_stack([a[mask], b[mask], c[mask]]) for mask, a, b, c in corners])
    used, flat = np.unique(faces, return_inverse=True)
    return flat.reshape(-1, 3).astype(np.int32), used


def _grid_crs(grid: xr.DataArray) -> object:
    import rioxarray  # noqa: F401  registers the accessor
    from pyproj import CRS

    return None if grid.rio.crs is None else CRS.from_user_input(grid.rio.crs)
