"""Terrain meshes with a promised vertical error, decimation with a measured one, and distances to meshes."""

import numpy as np
import pytest
import rioxarray  # noqa: F401  registers the accessor
import xarray as xr
from scipy.ndimage import gaussian_filter

from sxrisk.errors import GeometryError, ParameterError
from sxrisk.scans import Scan
from sxrisk.surfaces import Mesh, distances_to_mesh, mesh_deviation, simplify, terrain_mesh

X0, Y0, CELL = 512000.0, 4123000.0, 0.5


def ground(n: int = 140, holes: bool = True, seed: int = 0) -> xr.DataArray:
    """Rough ground with a round hole, a square one, single lost cells and a ragged border."""
    rng = np.random.default_rng(seed)
    z = sum(gaussian_filter(rng.normal(size=(n, n)), s) * s * a for s, a in ((20, 8.0), (6, 2.0), (2, 0.3)))
    if holes:
        rows, columns = np.mgrid[:n, :n]
        z[np.hypot(rows - 50, columns - 60) < 14] = np.nan
        z[100:130, 90:120] = np.nan
        z[rng.random((n, n)) < 0.001] = np.nan
        z[columns + 0.3 * rows < 25] = np.nan
    steps = (np.arange(n) + 0.5) * CELL
    return xr.DataArray(z + 1200, coords={"y": Y0 + steps[::-1], "x": X0 + steps}, dims=("y", "x")).rio.write_crs(4547)


def vertical_error(mesh: Mesh, grid: xr.DataArray) -> np.ndarray:
    """|cell - face below or above it|, NaN where no face is: face by face, with barycentric coordinates."""
    x, y = np.meshgrid(grid.x.values - X0, grid.y.values - Y0)
    corners = mesh.vertices[mesh.faces] - [X0, Y0, 0.0]
    out = np.full(grid.shape, np.nan)
    for a, b, c in corners:
        columns = np.flatnonzero((x[0] >= min(a[0], b[0], c[0]) - 1e-9) & (x[0] <= max(a[0], b[0], c[0]) + 1e-9))
        rows = np.flatnonzero((y[:, 0] >= min(a[1], b[1], c[1]) - 1e-9) & (y[:, 0] <= max(a[1], b[1], c[1]) + 1e-9))
        part = np.ix_(rows, columns)
        area = (b[0] - a[0]) * (c[1] - a[1]) - (c[0] - a[0]) * (b[1] - a[1])
        u = ((x[part] - a[0]) * (c[1] - a[1]) - (c[0] - a[0]) * (y[part] - a[1])) / area
        v = ((b[0] - a[0]) * (y[part] - a[1]) - (x[part] - a[0]) * (b[1] - a[1])) / area
        inside = (u >= -1e-9) & (v >= -1e-9) & (u + v <= 1 + 1e-9)
        away = np.abs(a[2] + u * (b[2] - a[2]) + v * (c[2] - a[2]) - grid.values[part])
        out[part] = np.where(inside, np.fmax(out[part], np.where(np.isnan(away), np.inf, away)), out[part])
    return out


def plan_area(mesh: Mesh) -> float:
    a, b, c = (mesh.vertices[mesh.faces[:, k], :2] - [X0, Y0] for k in range(3))
    return float(((b - a)[:, 0] * (c - a)[:, 1] - (b - a)[:, 1] * (c - a)[:, 0]).sum() / 2)


@pytest.mark.parametrize("limit", [0.05, 0.5])
def test_every_cell_is_within_the_promised_error(limit: float) -> None:
    grid = ground()
    full, small = terrain_mesh(grid), terrain_mesh(grid, max_error_m=limit)
    assert len(small.faces) < len(full.faces) * 0.4
    error = vertical_error(small, grid)
    assert np.nanmax(error) <= limit + 1e-9  # also: no face covers a cell without height, that would be infinite
    covered = np.zeros(grid.shape, dtype=bool)
    places = ((full.vertices[:, :2] - [X0, Y0]) / CELL - 0.5).round().astype(int)
    covered[len(covered) - 1 - places[:, 1], places[:, 0]] = True
    assert (covered & np.isnan(error)).sum() <= 2e-4 * covered.sum()
    assert plan_area(small) == pytest.approx(plan_area(full), rel=2e-3)
    assert (small.vertex_normals[:, 2] > 0).all()
    assert np.array_equal(small.vertices[:, 2], small.vertex_fields["elevation_m"])


def test_a_slope_with_a_step_needs_few_faces() -> None:
    steps = np.arange(81.0)
    z = 0.25 * steps[None, :] + np.where(steps[:, None] > 40, 5.0, 0.0)
    grid = xr.DataArray(z, coords={"y": steps[::-1], "x": steps}, dims=("y", "x"))
    mesh = terrain_mesh(grid, max_error_m=0.01)
    assert len(mesh.faces) <= 400
    assert np.nanmax(vertical_error(mesh, grid)) <= 0.01
    flat = terrain_mesh(grid[:40], max_error_m=0.01)
    assert len(flat.faces) == 2


def test_fewer_faces_than_quadric_decimation_needs() -> None:
    grid = ground(n=100, holes=False)
    full, ours = terrain_mesh(grid), terrain_mesh(grid, max_error_m=0.05)
    assert np.nanmax(vertical_error(ours, grid)) <= 0.05 + 1e-9
    quadric = simplify(full, len(ours.faces))
    error = vertical_error(quadric, grid)
    assert error[np.isfinite(error)].max() > 0.05


def test_decimation_error_is_recorded() -> None:
    full = terrain_mesh(ground(n=100))
    small = simplify(full, 2000, record_error=True)
    recorded = small.vertex_fields["decimation_error_m"]
    assert recorded.max() == pytest.approx(distances_to_mesh(full.vertices, small).max())
    found = mesh_deviation(small, full)
    assert recorded.max() <= found.max_m + 1e-12
    assert 0 < found.mean_m < found.rms_m < found.p95_m < found.max_m < 1.0
    assert simplify(small, 5000, record_error=True).vertex_fields["decimation_error_m"].max() == 0.0
    assert "decimation_error_m" not in simplify(full, 2000).vertex_fields
    same = mesh_deviation(full, full)
    assert same.max_m < 1e-6


def test_distances_are_exact_at_projected_coordinates() -> None:
    corners = np.array([[0, 0, 0], [3, 0, 0], [0, 4, 0]], dtype=float) + np.array([512345.678, 4123456.789, 1234.5])
    mesh = Mesh(corners, [[0, 1, 2]])
    points = np.array([[1, 1, 0.123456], [-3, 0, 4], [3, 4, 0], [-1, 2, 0]]) + corners[0]
    truth = [0.123456, 5.0, 2.4, 1.0]  # above the face, off a corner, off the long side, off a short one
    assert distances_to_mesh(points, mesh) == pytest.approx(truth, abs=1e-9)
    with pytest.raises(GeometryError, match="a mesh without faces"):
        distances_to_mesh(points, Mesh(corners, np.empty((0, 3), int)))


def test_cloud_and_refusals() -> None:
    rng = np.random.default_rng(0)
    xy = rng.uniform(0, 20, (20_000, 2))
    scan = Scan(np.column_stack([xy, 0.1 * xy[:, 0]]) + np.array([X0, Y0, 1200]), crs=4547)
    mesh = terrain_mesh(scan, 0.5, max_error_m=0.06)
    assert len(mesh.faces) < 50
    assert mesh.crs.to_epsg() == 4547
    with pytest.raises(ParameterError, match="not both"):
        terrain_mesh(scan, 0.5, max_error_m=0.1, max_faces=100)
    with pytest.raises(ParameterError, match="a cell for a scan"):
        terrain_mesh(scan)
    with pytest.raises(GeometryError, match="no three neighbouring cells"):
        terrain_mesh(ground(n=40) * np.nan, max_error_m=0.1)
