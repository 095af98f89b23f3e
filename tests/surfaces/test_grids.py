"""Gridding: statistics and interpolations against their definitions, holes kept honest, any tiling the same answer."""

from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sxrisk.errors import GeometryError, ParameterError
from sxrisk.scans import Scan, tile_scan
from sxrisk.surfaces import grid_elevation, grid_statistics
from sxrisk.surfaces.tin import triangulate, triangulated_heights

ORIGIN = np.array([512000.0, 4123000.0, 1200.0])
GAP = 3.0
METHODS = [
    {"method": "mean"}, {"method": "min"}, {"method": "max"}, {"method": "std"}, {"method": "count"},
    {"method": "median"}, {"method": "percentile", "percentile": 10.0}, {"method": "idw", "max_gap_m": GAP},
    {"method": "natural_neighbour", "max_gap_m": GAP}, {"method": "tin", "max_gap_m": GAP},
]  # fmt: skip


def uneven(n: int, seed: int) -> Scan:
    """Dense and thin ground with a round hole of 12 m, coordinates to the centimetre as files have them."""
    rng = np.random.default_rng(seed)
    xy = np.concatenate([rng.uniform(0, [100, 80], (n // 2, 2)), rng.uniform(0, [40, 80], (n - n // 2, 2))])
    xy = np.round(xy[np.hypot(*(xy - [55, 45]).T) > 6.0], 2)
    z = 8.0 * np.exp(-((xy[:, 0] - 50) ** 2 + (xy[:, 1] - 40) ** 2) / 400) + rng.normal(0, 0.02, len(xy))
    return Scan(np.column_stack([xy, z]) + ORIGIN, crs=4547)


@pytest.fixture(scope="module")
def scan() -> Scan:
    return uneven(20_000, 1)


@pytest.fixture(scope="module")
def cut(scan: Scan, tmp_path_factory: pytest.TempPathFactory) -> list[object]:
    folder = tmp_path_factory.mktemp("tiled")
    return [tile_scan(scan, folder / str(n), tile_points=n) for n in (500, 3_000, 7_000)]


@pytest.mark.parametrize("options", METHODS, ids=lambda options: str(options["method"]))
def test_any_tiling_gives_the_same_grid(scan: Scan, cut: list[object], options: dict[str, object]) -> None:
    cell = 0.7
    whole = grid_elevation(scan, cell, **options)
    assert np.isfinite(whole.values).mean() > 0.1
    for tiled in cut:
        assert len(list(tiled.tiles(align_m=cell))) > 1
        part = grid_elevation(tiled, cell, **options)
        assert np.array_equal(part.x, whole.x)
        assert np.array_equal(part.y, whole.y)
        assert np.array_equal(part.values, whole.values, equal_nan=True)
        if "support" in whole.coords:
            assert np.array_equal(part.support, whole.support)


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    seed=st.integers(0, 10_000),
    tile_points=st.integers(500, 6_000),
    cell=st.sampled_from([0.1, 0.3, 1.0, 2.5]),
    options=st.sampled_from(METHODS[:7]),
)
def test_tiling_property(
    tmp_path_factory: pytest.TempPathFactory, seed: int, tile_points: int, cell: float, options: dict[str, object]
) -> None:
    scan = uneven(6_000, seed)
    tiled = tile_scan(scan, tmp_path_factory.mktemp("t") / "store", tile_points=tile_points)
    whole, part = (grid_elevation(cloud, cell, **options) for cloud in (scan, tiled))
    assert np.array_equal(part.values, whole.values, equal_nan=True)


def test_statistics_are_scipys(scan: Scan) -> None:
    from scipy.stats import binned_statistic_2d

    grids = grid_statistics(scan, 2.0)
    edges = [np.append(np.sort(grids[axis].values) - 1.0, grids[axis].values.max() + 1.0) for axis in ("y", "x")]
    x, y, z = scan.xyz.T
    for name in ("count", "mean", "min", "max"):
        peer = binned_statistic_2d(y, x, z, name, bins=edges).statistic[::-1]
        assert np.allclose(grids[name], peer, rtol=0, atol=1e-9, equal_nan=True), name
    peer = binned_statistic_2d(y, x, z, lambda v: np.std(v, ddof=1) if len(v) > 1 else np.nan, bins=edges).statistic
    assert np.allclose(grids["std"], peer[::-1], rtol=0, atol=1e-9, equal_nan=True)
    median = binned_statistic_2d(y, x, z, "median", bins=edges).statistic[::-1]
    assert np.allclose(grid_elevation(scan, 2.0, method="median"), median, rtol=0, atol=1e-9, equal_nan=True)


def test_a_cell_is_half_open_and_the_same_from_every_corner() -> None:
    steps = np.arange(1, 2000) * 0.1
    scan = Scan(np.column_stack([steps, steps, steps]))
    count = grid_elevation(scan, 0.1, method="count")
    on = np.diag(count.values[::-1])
    assert (on == 1).all()
    assert int(count.sum()) == len(steps)


def test_plane_is_met_and_holes_stay(scan: Scan) -> None:
    tilted = scan.replace(xyz=np.column_stack([scan.xyz[:, :2], (scan.xyz[:, :2] - ORIGIN[:2]) @ [0.2, -0.1] + 1200]))
    for method in ("tin", "natural_neighbour", "idw"):
        grid = grid_elevation(tilted, 0.5, method=method, max_gap_m=GAP)
        truth = 0.2 * (grid.x - ORIGIN[0]) - 0.1 * (grid.y - ORIGIN[1]) + 1200
        away = np.abs(grid.values - truth.transpose("y", "x").values)
        assert np.nanmax(away) < (0.35 if method == "idw" else 1e-5), method
        middle = np.hypot(grid.x - ORIGIN[0] - 55, grid.y - ORIGIN[1] - 45).transpose("y", "x").values
        # No disk of 3 m fits in the hole's outermost 1.5 m around a centre; in the middle one of 12 m does.
        assert np.isnan(grid.values[middle < 6.0 - GAP]).all()
        assert (grid.support.values[middle < 6.0 - GAP] == 0).all()
        count = grid_elevation(tilted, 0.5, method="count").values
        assert ((grid.support.values == 1) == ((count > 0) & np.isfinite(grid.values))).all()
        assert ((grid.support.values == 2) == ((count == 0) & np.isfinite(grid.values))).all()


def test_natural_neighbour_and_tin_are_startinpys(scan: Scan) -> None:
    import startinpy

    local = scan.local()
    _, first = np.unique(local[:, :2], axis=0, return_index=True)
    peer = startinpy.DT()
    peer.insert(local[np.sort(first)])
    grid = grid_elevation(scan, 1.0, method="natural_neighbour", max_gap_m=GAP)
    x, y = np.meshgrid(grid.x - scan.origin[0], grid.y - scan.origin[1])
    places = np.column_stack([x.ravel(), y.ravel()])
    for method, name in (("natural_neighbour", "NNI"), ("tin", "TIN")):
        ours = grid_elevation(scan, 1.0, method=method, max_gap_m=GAP).values
        theirs = peer.interpolate({"method": name}, places).reshape(ours.shape) + scan.origin[2]
        away = np.abs(ours - theirs)
        assert np.nanmax(away) < 1e-3
        assert np.nanpercentile(away, 99) < 1e-4


def test_inverse_distance_is_its_definition(scan: Scan) -> None:
    grid = grid_elevation(scan, 2.0, method="idw", max_gap_m=2.0, power=3.0)
    for row, column in ((5, 7), (20, 30), (33, 12)):
        away = np.hypot(scan.xyz[:, 0] - float(grid.x[column]), scan.xyz[:, 1] - float(grid.y[row]))
        near = away <= 1.0
        weight = away[near] ** -3.0
        assert float(grid[row, column]) == pytest.approx((weight * scan.xyz[near, 2]).sum() / weight.sum(), abs=1e-9)


def test_triangulation_is_qhulls() -> None:
    from scipy.spatial import Delaunay

    points = np.random.default_rng(3).uniform(0, 50, (3000, 2))
    ours = {tuple(sorted(face)) for face in triangulate(points)}
    theirs = {tuple(sorted(face)) for face in Delaunay(points).simplices.tolist()}
    assert ours == theirs
    assert len(triangulate(points[:2])) == 0
    assert len(triangulate(np.column_stack([np.arange(9.0), np.arange(9.0)]))) == 0
    assert np.isnan(triangulated_heights(points[:2], points[:2, 0], (0.0, 0.0), 1.0, (3, 3))).all()


def test_refusals(scan: Scan) -> None:
    with pytest.raises(ParameterError, match="how far to interpolate has to be stated"):
        grid_elevation(scan, 1.0, method="tin")
    with pytest.raises(ParameterError, match="a statistic is of the points in the cell"):
        grid_elevation(scan, 1.0, max_gap_m=2.0)
    with pytest.raises(ParameterError, match="natural_neighbour, tin"):
        grid_elevation(scan, 1.0, method="kriging")
    with pytest.raises(GeometryError, match="a scan without points gives no grid"):
        grid_elevation(Scan(np.empty((0, 3))), 1.0)


def test_real_cloud_with_two_methods(shared_data: Path) -> None:
    from sxrisk.scans import read_scan

    scan = read_scan(shared_data / "clouds/coromandel_nz/points.laz")
    low = grid_elevation(scan, 2.0, method="min")
    tin = grid_elevation(scan, 2.0, method="tin", max_gap_m=6.0)
    assert tin.rio.crs.to_epsg() == low.rio.crs.to_epsg() == 2193
    assert np.isfinite(tin.values).sum() >= 0.9 * np.isfinite(low.values).sum()
    xr.testing.assert_allclose(low.x, tin.x)
