"""Volumes of cones, caps, prisms and paraboloids; benches, polygons, meshes; and whether the sigma tells the truth."""

import geopandas as gpd
import numpy as np
import pytest
import rioxarray  # noqa: F401  registers the accessor
import xarray as xr
from scipy import fft
from shapely import Point, box

from sxrisk.errors import CRSError, GeometryError, ParameterError
from sxrisk.scans import Scan
from sxrisk.surfaces import (
    Mesh,
    elevation_difference,
    fitted_plane,
    grid_statistics,
    solid_difference,
    spatial_error,
    volume_between,
    volume_between_meshes,
    volumes_by_bench,
    volumes_by_polygon,
)
from sxrisk.surfaces.tin import triangulate

X0, Y0 = 512000.0, 4123000.0


def grid_of(function, cell: float = 0.25, size: float = 60.0) -> xr.DataArray:
    steps = (np.arange(round(size / cell)) + 0.5) * cell
    x, y = np.meshgrid(steps, steps[::-1])
    values = np.broadcast_to(function(x, y), x.shape) + 1200.0
    return xr.DataArray(values, coords={"y": Y0 + steps[::-1], "x": X0 + steps}, dims=("y", "x")).rio.write_crs(4547)


def away(x, y):
    return np.hypot(x - 30, y - 30)


SHAPES = {
    "cone": (lambda x, y: np.maximum(0, 10 - away(x, y) * 0.5), np.pi * 20**2 * 10 / 3),
    "paraboloid": (lambda x, y: np.maximum(0, 9 - away(x, y) ** 2 / 25), np.pi * 9 * 225 / 2),
    "cap": (
        lambda x, y: np.maximum(0, np.sqrt(np.maximum(25**2 - away(x, y) ** 2, 0)) - 15),
        np.pi * 10**2 * (3 * 25 - 10) / 3,
    ),
    "prism": (lambda x, y: np.where((x > 10) & (x < 40) & (y > 20) & (y < 30), 3.0, 0.0), 900.0),
}


@pytest.mark.parametrize("shape", SHAPES)
def test_known_solids_by_grid(shape: str) -> None:
    function, truth = SHAPES[shape]
    flat = grid_of(lambda x, y: 0 * x)
    heap, pit = volume_between(flat, grid_of(function)), volume_between(1200.0, grid_of(lambda x, y: -function(x, y)))
    assert (heap.fill_m3, heap.cut_m3, heap.net_m3) == pytest.approx((truth, 0.0, truth), rel=1e-3)
    assert (pit.fill_m3, pit.cut_m3, pit.net_m3) == pytest.approx((0.0, truth, -truth), rel=1e-3)


def tin(function, n: int, seed: int) -> Mesh:
    """Points anywhere, and the Delaunay triangles between them."""
    xy = np.concatenate([np.random.default_rng(seed).uniform(0, 60, (n, 2)), [[0, 0], [60, 0], [0, 60], [60, 60]]])
    return Mesh(np.column_stack([xy, function(*xy.T)]) + np.array([X0, Y0, 1200]), triangulate(xy))


@pytest.mark.parametrize("shape", ["cone", "paraboloid", "cap"])
def test_known_solids_by_prisms_between_meshes(shape: str) -> None:
    function, truth = SHAPES[shape]
    found = volume_between_meshes(tin(lambda x, y: 0 * x, 500, 1), tin(function, 40_000, 2))
    assert found.net_m3 == pytest.approx(truth, rel=1.5e-3)
    assert found.cut_m3 == pytest.approx(0.0, abs=1e-6)
    assert found.area_m2 == pytest.approx(3600, rel=1e-9)


def test_prisms_are_exact_whatever_the_triangles() -> None:
    # Two planes cross along x = 30: cut and fill are wedges, and no triangulation changes them.
    flat, wedge = (lambda x, y: 0.2 * y), (lambda x, y: 0.2 * y + 0.1 * (x - 30))
    for n in (0, 10, 3000):
        found = volume_between_meshes(tin(flat, 300, 4), tin(wedge, n, n))
        assert (found.cut_m3, found.fill_m3, found.area_m2) == pytest.approx((2700, 2700, 3600), abs=1e-6)
    rough, rougher = tin(lambda x, y: np.sin(x) * np.cos(y / 3), 4000, 5), tin(lambda x, y: np.sin(x + 1), 3000, 6)
    there, back = volume_between_meshes(rough, rougher), volume_between_meshes(rougher, rough)
    assert there.net_m3 == pytest.approx(-back.net_m3, abs=1e-7)
    assert there.cut_m3 == pytest.approx(back.fill_m3, abs=1e-7)
    turned = Mesh(rougher.vertices, rougher.faces[:, ::-1])
    assert volume_between_meshes(rough, turned).cut_m3 == pytest.approx(there.cut_m3, abs=1e-7)
    aside = Mesh(rough.vertices + np.array([1000, 0, 0]), rough.faces)
    with pytest.raises(GeometryError, match="no place in common"):
        volume_between_meshes(rough, aside)


def ball(radius: float, centre: tuple[float, float, float], n: int = 3000) -> Mesh:
    from scipy.spatial import ConvexHull

    k = np.arange(n) + 0.5
    polar, turn = np.arccos(1 - 2 * k / n), np.pi * (1 + 5**0.5) * k
    points = np.column_stack([np.cos(turn) * np.sin(polar), np.sin(turn) * np.sin(polar), np.cos(polar)])
    hull = ConvexHull(points)
    faces = hull.simplices.copy()
    inward = np.einsum("ij,ij->i", np.cross(*(points[faces[:, i]] - points[faces[:, 0]] for i in (1, 2))),
                       points[faces[:, 0]]) < 0  # fmt: skip
    faces[inward] = faces[inward][:, ::-1]
    return Mesh(points * radius + np.array(centre) + np.array([X0, Y0, 1200]), faces)


def test_closed_meshes_overlap_as_balls_do() -> None:
    # Two unit balls a distance 1 apart share a lens of pi (4 + 1) (2 - 1)^2 / 12.
    lens = 5 * np.pi / 12
    found = solid_difference(ball(1.0, (0, 0, 0)), ball(1.0, (1, 0, 0)))
    assert (found.cut_m3, found.fill_m3) == pytest.approx((4 * np.pi / 3 - lens,) * 2, rel=5e-3)
    assert found.net_m3 == pytest.approx(0.0, abs=1e-4)
    open_ball = Mesh(ball(1.0, (0, 0, 0)).vertices, ball(1.0, (0, 0, 0)).faces[1:])
    with pytest.raises(GeometryError, match="the later mesh does not enclose a volume"):
        solid_difference(ball(1.0, (0, 0, 0)), open_ball)


def test_benches_add_up_to_the_whole() -> None:
    pit = grid_of(lambda x, y: -np.maximum(0, 10 - away(x, y) * 0.5))
    bands = volumes_by_bench(1200.0, pit, [1190, 1192.5, 1195, 1197.5, 1200], cell_sigma_m=0.02, common_sigma_m=0.003)
    # Frusta of the cone between the levels, tip down.
    radii = np.array([0, 5, 10, 15, 20.0])
    frusta = np.pi * 2.5 / 3 * (radii[1:] ** 2 + radii[1:] * radii[:-1] + radii[:-1] ** 2)
    assert bands["cut_m3"].to_numpy() == pytest.approx(frusta, rel=5e-3)
    assert bands["cut_m3"].sum() == pytest.approx(volume_between(1200.0, pit).cut_m3, rel=1e-12)
    assert bands["area_m2"].to_numpy() == pytest.approx(np.pi * radii[1:] ** 2, rel=0.01)
    assert (np.diff(bands["sigma_m3"]) > 0).all()
    assert bands["sigma_m3"].iloc[-1] == pytest.approx(np.hypot(0.003 * 1257, 0.02 * np.sqrt(1257 * 0.0625)), rel=0.02)
    with pytest.raises(ParameterError, match="at least two heights, rising"):
        volumes_by_bench(1200.0, pit, [1195, 1190])


def test_polygons_give_a_row_each() -> None:
    function, truth = SHAPES["cone"]
    before, after = grid_of(lambda x, y: 0 * x), grid_of(function)
    after[:40, :40] = np.nan  # the north-west corner nobody has seen
    zones = gpd.GeoDataFrame(
        {"bench": ["heap", "quarter", "unseen"]},
        geometry=[Point(X0 + 30, Y0 + 30).buffer(25), box(X0 + 30, Y0 + 30, X0 + 60, Y0 + 60),
                  box(X0, Y0 + 55, X0 + 5, Y0 + 60)],
        crs=4547,
    )  # fmt: skip
    table = volumes_by_polygon(before, after, zones, cell_sigma_m=0.01)
    assert table["fill_m3"].to_numpy()[:2] == pytest.approx([truth, truth / 4], rel=5e-3)
    assert np.isnan(table["net_m3"][2])
    assert (table["area_m2"][2], table["unknown_m2"][2]) == (0.0, 25.0)
    assert table.crs == zones.crs
    with pytest.raises(CRSError, match="one coordinate system"):
        volumes_by_polygon(before, after, zones.to_crs(4326))


def test_fitted_plane_lets_bumps_be() -> None:
    heap = grid_of(lambda x, y: 0.05 * x - 0.02 * y + SHAPES["cone"][0](x, y) * 0.3, cell=1.0)
    plane = fitted_plane(heap)
    truth = grid_of(lambda x, y: 0.05 * x - 0.02 * y, cell=1.0)
    assert np.abs(plane - truth).max() < 0.01
    assert volume_between(plane, heap).net_m3 == pytest.approx(0.3 * SHAPES["cone"][1], rel=0.02)
    with pytest.raises(GeometryError, match="give no plane"):
        fitted_plane(heap * np.nan)


def test_empty_cells_are_never_zero() -> None:
    """The traps: zero for empty cells loses 45 % of a scar, their mean 14 %."""
    before = grid_of(lambda x, y: 0 * x, cell=0.5)
    after = grid_of(lambda x, y: -SHAPES["paraboloid"][0](x, y), cell=0.5)
    rng = np.random.default_rng(0)
    after = after.where(rng.random(after.shape) > 0.4)
    found = volume_between(before, after, max_gap_m=4.0)
    assert found.cut_m3 == pytest.approx(SHAPES["paraboloid"][1], rel=2e-3)
    assert found.filled_share == pytest.approx(0.4, abs=0.02)
    assert 0.001 < found.sigma_m3 / found.cut_m3 < 0.05
    zero = float(-np.nan_to_num((after - before).values).sum() * 0.25)
    assert zero < 0.65 * SHAPES["paraboloid"][1]


def correlated(rng: np.random.Generator, n: int, reach: float, nugget: float) -> np.ndarray:
    """Gaussian field with a nugget and a spherical correlation, unit variance, by circulant embedding."""
    lag = np.minimum(np.arange(2 * n), 2 * n - np.arange(2 * n))
    share = np.minimum(np.hypot(lag[:, None], lag[None, :]) / reach, 1.0)
    covariance = (1 - nugget) * (1 - 1.5 * share + 0.5 * share**3)
    covariance[0, 0] += nugget
    power = np.maximum(fft.fft2(covariance).real, 0.0)
    noise = rng.normal(size=power.shape) + 1j * rng.normal(size=power.shape)
    return fft.fft2(np.sqrt(power / power.size) * noise).real[:n, :n]


def lattice(values: np.ndarray) -> xr.DataArray:
    steps = np.arange(len(values)) + 0.5
    return xr.DataArray(values, coords={"y": steps[::-1], "x": steps}, dims=("y", "x"))


def test_true_volume_lies_in_its_interval_as_often_as_it_says() -> None:
    rng = np.random.default_rng(7)
    n, truth, scores = 120, 40 * 40 * 0.5, []
    moved = np.zeros((n, n), dtype=bool)
    moved[40:80, 40:80] = True
    ground = lattice(np.zeros((n, n)))
    for _ in range(120):
        after = lattice(0.05 * correlated(rng, n, 12.0, 0.3) + 0.5 * moved)
        error = spatial_error(after - ground, stable=~moved)
        found = volume_between(ground, after, outline=box(40, 40, 80, 80), error=error)
        scores.append((found.net_m3 - truth) / found.sigma_m3)
    inside = np.abs(scores) < 1.96
    assert 0.89 <= inside.mean() <= 0.99
    assert 0.85 < np.std(scores) < 1.2
    # Independent cells would promise far too much.
    naive = volume_between(ground, after, outline=box(40, 40, 80, 80), cell_sigma_m=error.sigma_m)
    assert found.sigma_m3 > 5 * naive.sigma_m3


def test_variogram_finds_its_model_and_its_area_is_rolstads() -> None:
    rng = np.random.default_rng(1)
    fields = [spatial_error(lattice(0.05 * correlated(rng, 200, 15.0, 0.25)), max_models=1) for _ in range(6)]
    assert np.mean([f.sigma_m for f in fields]) == pytest.approx(0.05, rel=0.05)
    assert np.mean([f.nugget for f in fields]) == pytest.approx(0.25, abs=0.04)
    assert np.mean([f.ranges_m[0] for f in fields]) == pytest.approx(15.0, rel=0.15)
    one = fields[0]
    assert one.correlation([0.0, 1e3]).tolist() == [pytest.approx(1.0), pytest.approx(0.0)]
    # Rolstad and others (2009), equation 10: a disk wider than the range, spherical model, no nugget.
    radius, reach = 60.0, 15.0
    pure = type(one)(0.05, (reach,), (1.0,), 0.0, *(np.empty(0),) * 5, cell_m=1.0, n_cells=1000)
    rows, columns = np.mgrid[-70:71, -70:71]
    disk = np.hypot(rows, columns) <= radius
    expected = 0.05 * np.sqrt(np.pi * reach**2 / 5 / (np.pi * radius**2))
    # The formula forgets that the disk ends: what lies near its rim has fewer neighbours.
    assert pure.mean_sigma_m(disk, 1.0) == pytest.approx(expected, rel=0.05)
    assert pure.mean_sigma_m(disk, 1.0) < expected
    assert pure.n_effective(disk, 1.0) == pytest.approx(5 * radius**2 / reach**2, rel=0.1)


def test_errors_by_slope() -> None:
    rng = np.random.default_rng(2)
    slope = np.tile(np.linspace(0, 60, 150), (150, 1))
    values = (0.02 + 0.001 * slope) * rng.normal(size=slope.shape)
    error = spatial_error(lattice(values), slope_deg=slope)
    assert error.sigma_at([5.0, 30.0, 50.0]) == pytest.approx([0.025, 0.05, 0.07], rel=0.1)
    assert error.sigma_at([np.nan])[0] == pytest.approx(error.sigma_m)
    steep, level = slope > 45, slope < 15
    by_slope = [error.mean_sigma_m(mask, 1.0, slope_deg=slope) for mask in (steep, level)]
    truth = [np.sqrt(((0.02 + 0.001 * slope[mask]) ** 2).sum()) / mask.sum() for mask in (steep, level)]
    assert by_slope == pytest.approx(truth, rel=0.12)
    found = volume_between(lattice(0 * values), lattice(values), error=error, slope_deg=lattice(slope))
    assert found.sigma_m3 == pytest.approx(np.sqrt(((0.02 + 0.001 * slope) ** 2).sum()), rel=0.1)


def test_error_refusals() -> None:
    with pytest.raises(GeometryError, match="at least 500"):
        spatial_error(lattice(np.random.default_rng(0).normal(size=(20, 20))))
    with pytest.raises(ParameterError, match="a mask of shape"):
        spatial_error(lattice(np.zeros((40, 40))), stable=np.ones((3, 3), dtype=bool))
    with pytest.raises(GeometryError, match="all equal"):
        spatial_error(lattice(np.zeros((40, 40))))
    error = spatial_error(lattice(np.random.default_rng(0).normal(size=(40, 40))))
    with pytest.raises(ParameterError, match="beside an error model"):
        volume_between(0.0, lattice(np.ones((4, 4))), error=error, cell_sigma_m=0.1)


def test_difference_alarms_as_often_as_it_says() -> None:
    rng = np.random.default_rng(3)
    epochs = []
    for k in range(2):
        xy = rng.uniform(0, 60, (60_000, 2))
        z = rng.normal(0, 0.02, len(xy)) + (0.1 if k else 0.0) * (xy[:, 0] > 50)
        epochs.append(grid_statistics(Scan(np.column_stack([xy, z]) + np.array([X0, Y0, 1200])), 1.0))
    found = elevation_difference(*epochs)
    still = found.x < X0 + 50
    rate = float(found["significant"].where(still).mean())
    assert 0.04 < rate < 0.06
    assert float(found["significant"].where(found.x > X0 + 51).mean()) > 0.99
    with_registration = elevation_difference(*epochs, registration_sigma_m=0.01)
    assert float((with_registration["lod_m"] - found["lod_m"]).min()) == pytest.approx(0.0196, abs=1e-4)
    sparse = elevation_difference(*epochs, min_points=15)
    assert 0.1 < float(np.isnan(sparse["significant"]).mean()) < 0.95
    with pytest.raises(ParameterError, match="at least 2 points"):
        elevation_difference(*epochs, min_points=1)
