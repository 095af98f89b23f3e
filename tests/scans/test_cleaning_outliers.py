"""Outliers: neighbours as by brute force, filters as Open3D has them, the same answer for any tiling."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import cdist

from sxrisk.errors import CRSError, ParameterError
from sxrisk.scans import Reason, Scan, clean, clean_dust, clean_rays, tile_scan
from sxrisk.scans._kdtree import build_tree, count_within, nearest
from tests.scans.cleaning_scenes import ORIGIN, plain, room
from tests.scans.cut_scan import CutScan

METHODS = ({}, {"search_m": 6.0}, {"method": "statistical"}, {"method": "radius", "radius_m": 1.5})


@pytest.mark.parametrize("decimals", [9, 1])
def test_neighbours_are_those_of_brute_force_and_coordinates_decide_ties(decimals: int) -> None:
    points = np.round(np.random.default_rng(1).uniform(0, 4, (700, 3)), decimals)
    distance, index = nearest(build_tree(points), 6, 1.0)
    apart = points[:, None] - points[None]
    every = apart[..., 0] ** 2 + apart[..., 1] ** 2 + apart[..., 2] ** 2
    np.fill_diagonal(every, np.inf)
    for row in range(len(points)):
        order = np.lexsort((points[:, 2], points[:, 1], points[:, 0], every[row]))[:6]
        near = every[row][order] <= 1.0
        assert distance[row][near] == pytest.approx(np.sqrt(every[row][order][near]), abs=1e-12)
        assert (points[index[row][near]] == points[order[near]]).all()
        assert (index[row][~near] == -1).all()
    assert (count_within(build_tree(points), 0.55, 10_000) == (cdist(points, points) < 0.55).sum(1) - 1).all()


def test_filters_equal_those_of_open3d() -> None:
    open3d = pytest.importorskip("open3d")
    points = plain(20_000)
    cloud = open3d.geometry.PointCloud(open3d.utility.Vector3dVector(points))
    _, kept = cloud.remove_statistical_outlier(17, 1.5)
    ours = clean(Scan(points + ORIGIN), method="statistical", neighbours=16, factor=1.5)
    assert 30 < ours.n_outliers < 3_000
    assert np.array_equal(np.flatnonzero(ours.keep), np.sort(kept))
    _, kept = cloud.remove_radius_outlier(6, 1.2)
    ours = clean(Scan(points), method="radius", neighbours=6, radius_m=1.2)
    assert np.array_equal(np.flatnonzero(ours.keep), np.sort(kept))


@settings(max_examples=8, deadline=None)
@given(
    columns=st.integers(1, 6),
    rows=st.integers(1, 6),
    seed=st.integers(0, 50),
    decimals=st.sampled_from([9, 2, 1]),
    case=st.sampled_from(METHODS),
)
def test_any_tiling_same_outliers(columns: int, rows: int, seed: int, decimals: int, case: dict[str, object]) -> None:
    scan = Scan(np.round(plain(4_000, seed), decimals) + ORIGIN)
    whole = clean(scan, **case)  # type: ignore[arg-type]
    cut = clean(CutScan(scan, columns, rows), **case)  # type: ignore[arg-type]
    assert np.array_equal(whole.reason, cut.reason)


@settings(max_examples=2, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(tile_points=st.integers(500, 3_000))
def test_a_store_on_disk_gives_the_same(tmp_path_factory: pytest.TempPathFactory, tile_points: int) -> None:
    points = plain(6_000)
    scan = Scan(points + ORIGIN, attributes={"intensity": np.arange(len(points)) % 500})
    store = tile_scan(scan, tmp_path_factory.mktemp("cut") / "store", tile_points=tile_points)
    for case in METHODS:
        whole, cut = clean(scan, **case), clean(store, **case)  # type: ignore[arg-type]
        assert np.array_equal(whole.reason, cut.reason)
    assert np.array_equal(cut.scan.xyz, scan.xyz[whole.keep])
    assert sum(part.n_points for part in cut.parts()) == int(whole.keep.sum())
    assert np.array_equal(clean_dust(scan).reason, clean_dust(store).reason)


def test_dust_is_taken_and_road_wall_and_bush_stay() -> None:
    rng = np.random.default_rng(0)
    road = np.column_stack([rng.uniform(0, 40, (30_000, 2)), np.zeros(30_000)])
    road[:, 2] = 0.1 * np.sin(road[:, 0] / 3) + rng.normal(0, 0.008, 30_000)
    wall = np.column_stack([rng.uniform(0, 40, 9_000), rng.normal(40, 0.008, 9_000), rng.uniform(0, 12, 9_000)])
    dust, bush = rng.normal([20, 20, 4], [4, 3, 1], (1_000, 3)), rng.normal([8, 8, 0.8], 0.4, (1_500, 3))
    points = np.vstack([road, wall, dust, bush])
    shine = np.concatenate([rng.normal(300, 40, 39_000), rng.normal(60, 20, 1_000), rng.normal(200, 40, 1_500)])
    for attributes in ({}, {"intensity": shine}):
        scan = Scan(points + ORIGIN, attributes=attributes)
        found = clean_dust(scan)
        taken = found.reason == Reason.DUST
        assert taken[39_000:40_000].mean() > 0.9
        assert taken[:39_000].mean() < 1e-3
        assert taken[40_000:].mean() < 0.05
        assert np.array_equal(clean_dust(CutScan(scan, 4, 3)).reason, found.reason)


def test_ghosts_and_mixed_pixels_in_a_room() -> None:
    station = np.array([-2.0, -1.0, 0.0])
    points, kind = room(station, 3, ghosts=300, mixed=True)
    scan = Scan(points + ORIGIN, stations=[station + ORIGIN])
    found = clean_rays(scan)
    for code, planted, recall, precision in ((Reason.MIXED_PIXEL, 1, 0.75, 0.85), (Reason.GHOST, 2, 0.95, 0.99)):
        mine = found.reason == code
        assert mine[kind == planted].mean() > recall
        assert (kind[mine] == planted).mean() > precision
    assert (found.reason[kind == 0] > 0).mean() < 1e-4
    assert found.counts.sum() == len(points)
    assert np.array_equal(clean_rays(CutScan(scan, 3, 2)).reason, found.reason)


def test_bumpy_ground_under_grazing_beams_is_no_error() -> None:
    rng = np.random.default_rng(1)
    azimuth, elevation = np.meshgrid(np.arange(0, 2 * np.pi, 0.008), np.arange(-1.0, -0.02, 0.008), indexing="ij")
    d = np.stack([np.cos(elevation) * np.cos(azimuth), np.cos(elevation) * np.sin(azimuth), np.sin(elevation)], -1)
    d = d.reshape(-1, 3)
    points = d * (2.0 / -d[:, 2] + rng.normal(0, 0.005, len(d)))[:, None]
    points[:, 2] += 0.05 * np.sin(points[:, 0]) * np.cos(1.3 * points[:, 1])
    assert (clean_rays(Scan(points, stations=[[0.0, 0.0, 0.0]])).reason > 0).mean() < 1e-3


def test_real_gallery_and_rock_face_pass(shared_data: Path) -> None:
    import laspy

    with laspy.open(shared_data / "clouds" / "vapc" / "vapc_in.laz") as file:
        points = np.asarray(file.read().xyz)
    found = clean(Scan(points[::4]))
    assert found.keep.mean() > 0.98


def test_bad_arguments_have_clear_errors() -> None:
    scan = Scan(plain(200))
    with pytest.raises(ParameterError, match="method 'best'; expected local, statistical or radius"):
        clean(scan, method="best")  # type: ignore[arg-type]
    with pytest.raises(ParameterError, match=r"neighbours 2.*expected neighbours >= 3, factor > 1"):
        clean(scan, neighbours=2)
    with pytest.raises(ParameterError, match="radius_m None; expected a radius above 0"):
        clean(scan, method="radius")
    with pytest.raises(ParameterError, match=r"which station saw which point.*Scan.merge"):
        clean_rays(scan)
    with pytest.raises(ParameterError, match="expected gap_m > 0"):
        clean_rays(scan, gap_m=0.0)
    with pytest.raises(ParameterError, match=r"thinness 1.0.*expected neighbours >= 6, thinness > 1"):
        clean_dust(scan, thinness=1.0)
    with pytest.raises(CRSError, match="expected metres"):
        clean(Scan([[112.0, 37.0, 900.0]], crs="EPSG:4490"))
    assert clean(Scan(np.zeros((3, 3)))).keep.all()
