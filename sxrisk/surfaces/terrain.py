"""Terrain meshes: a regular triangulation with honest holes, and fewer faces where the ground is flat."""

import numpy as np
import numpy.typing as npt
import xarray as xr
from scipy.spatial import cKDTree

from sxrisk.errors import GeometryError, ParameterError
from sxrisk.scans import Scan
from sxrisk.surfaces._open3d import load_open3d
from sxrisk.surfaces.grids import fill_gaps, grid_elevation, grid_points
from sxrisk.surfaces.mesh import Mesh

__all__ = ["simplify", "terrain_mesh"]


def terrain_mesh(
    source: Scan | xr.DataArray,
    cell_m: float | None = None,
    *,
    max_gap_m: float = 0.0,
    max_faces: int | None = None,
) -> Mesh:
    """Mesh of the ground, a vertex per cell of an elevation grid, faces up.

    Parameters
    ----------
    source : Scan or xarray.DataArray
        A cloud in metres, gridded to the mean height per cell, or an elevation grid (y, x).
    cell_m : float, optional
        Cell for a cloud, metres; a grid has its own.
    max_gap_m : float
        Gaps no wider are filled from their rims; others stay holes.
    max_faces : int, optional
        Simplify to at most so many faces.

    Returns
    -------
    Mesh
        With the field ``elevation_m``.

    Raises
    ------
    ParameterError
        If `cell_m` is missing for a cloud, or given for a grid.
    GeometryError
        If not three neighbouring cells have a height.

    Examples
    --------
    >>> plain = Scan([[x + 0.5, y + 0.5, 10.0] for x in range(4) for y in range(3)])
    >>> terrain_mesh(plain, 1.0).area_m2
    6.0
    """
    if isinstance(source, Scan) == (cell_m is None):
        raise ParameterError(f"cell_m={cell_m}", where="terrain_mesh", expected="a cell for a scan, none for a grid")
    grid = grid_elevation(source, float(cell_m or 0.0)) if isinstance(source, Scan) else source
    grid, _ = fill_gaps(grid, max_gap_m)
    faces, used = _grid_faces(grid.values)
    if not len(faces):
        raise GeometryError(
            "no three neighbouring cells of the grid have a height", expected="a denser scan", remedy="Use larger cells"
        )
    x, y = grid_points(grid)
    vertices = np.column_stack([x.ravel()[used], y.ravel()[used], grid.values.ravel()[used]])
    mesh = Mesh(vertices, faces, crs=_grid_crs(grid), vertex_fields={"elevation_m": vertices[:, 2].copy()})
    return mesh if max_faces is None else simplify(mesh, max_faces)


def simplify(mesh: Mesh, max_faces: int) -> Mesh:
    """The mesh with at most about `max_faces` faces, by quadric error: flat parts lose most.

    Vertex fields are taken from the nearest vertex of the original; ``elevation_m`` is computed anew.

    Parameters
    ----------
    mesh : Mesh
        Any triangle mesh.
    max_faces : int
        At least 4.

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
        return mesh
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
    return Mesh(vertices, np.asarray(small.triangles), crs=mesh.crs, vertex_fields=fields)


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
