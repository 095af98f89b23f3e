"""M3C2 against its definition (every point against every core point), and against surfaces whose change is known."""

from typing import NamedTuple

import numba
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

import sxrisk as sx
from sxrisk.change import REASONS
from sxrisk.errors import CRSError, GeometryError, ParameterError, SxriskError


class Truth(NamedTuple):
    n: np.ndarray
    mean: np.ndarray
    variance: np.ndarray


def cylinders(cloud, core, normals, radius, half_length):
    n, mean, variance = [], [], []
    for place, normal in zip(core, normals, strict=True):
        offset = cloud - place
        along = offset @ normal
        across = np.linalg.norm(np.cross(offset, normal), axis=1)
        inside = along[(np.abs(along) <= half_length) & (across <= radius)]
        n.append(len(inside))
        mean.append(inside.mean() if len(inside) else np.nan)
        variance.append(inside.var(ddof=1) if len(inside) > 1 else np.nan)
    return Truth(np.array(n), np.array(mean), np.array(variance))


def normal(cloud, place, radius):
    near = cloud[np.linalg.norm(cloud - place, axis=1) <= radius]
    values, vectors = np.linalg.eigh(np.cov((near - place).T))
    return len(near), values, vectors[:, 0]


SIZES = {"normal_radius_m": 0.8, "cylinder_radius_m": 0.4, "max_depth_m": 1.5}


def rough_plane(n, seed, *, size=4.0, noise=0.02):
    rng = np.random.default_rng(seed)
    xy = rng.uniform(0.0, size, (n, 2))
    return np.column_stack([xy, 0.1 * np.sin(2.0 * xy[:, 0]) + rng.normal(0.0, noise, n)])


def moved(cloud, x, y, z):
    return cloud + np.array([x, y, z])


@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    n=st.integers(30, 300),
    shape=st.sampled_from(["ground", "wall", "ball", "tunnel"]),
    radius=st.floats(0.1, 1.5),
    depth=st.floats(0.2, 4.0),
)
def test_equals_brute_force(seed, n, shape, radius, depth):
    rng = np.random.default_rng(seed)
    clouds = [rough_plane(n, seed), moved(rough_plane(n, seed + 1), 0.0, 0.0, 0.1)]
    if shape == "ball":
        clouds = [rng.normal(0.0, 1.0, (n, 3)) for _ in range(2)]
    elif shape == "tunnel":  # roof above floor, many points in one column
        clouds = [np.concatenate([c, c * [0.2, 0.2, 1.0] + [1.0, 1.0, 9.0]]) for c in clouds]
    turn = Rotation.random(random_state=seed) if shape != "wall" else Rotation.from_euler("x", 90, degrees=True)
    clouds = [turn.apply(c) for c in clouds]
    core = clouds[0][:: max(1, len(clouds[0]) // 20)]
    result = sx.m3c2(
        *clouds, core_points=core, normal_radius_m=0.8, cylinder_radius_m=radius, max_depth_m=depth, min_points=2
    )
    given_normal = result.reason != 4
    for cloud, n_got, std in (
        (clouds[0], result.n_reference, result.std_reference),
        (clouds[1], result.n_compared, result.std_compared),
    ):
        truth = cylinders(cloud, core[given_normal], result.normals[given_normal], radius, depth)
        np.testing.assert_array_equal(n_got[given_normal], truth.n)
        np.testing.assert_allclose(std[given_normal], np.sqrt(truth.variance), rtol=1e-6, atol=1e-7)
    a, b = (cylinders(c, core, result.normals, radius, depth) for c in clouds)
    good = result.reason == 0
    np.testing.assert_allclose(result.distance[good], (b.mean - a.mean)[good], atol=1e-12)
    for k in np.flatnonzero(given_normal):
        n_near, values, smallest = normal(clouds[0], core[k], 0.8)
        assert n_near >= 3
        if values[1] - values[0] > 1e-3 * values[2]:
            assert abs(result.normals[k] @ smallest) == pytest.approx(1.0, abs=1e-9)
    assert np.linalg.norm(result.normals[given_normal], axis=1) == pytest.approx(1.0)


def test_sign_is_positive_along_the_normal():
    before = rough_plane(2000, 1)
    after = moved(before, 0.0, 0.0, 0.25)
    up = sx.m3c2(before, after, **SIZES)
    down = sx.m3c2(before, after, orientation=[0.0, 0.0, -1.0], **SIZES)
    facing = sx.m3c2(before, after, orientation=[[2.0, 2.0, -5.0]], **SIZES)
    assert np.nanmedian(up.distance) == pytest.approx(0.25, abs=0.01)
    np.testing.assert_allclose(down.distance, -up.distance)
    np.testing.assert_allclose(facing.distance, down.distance)


def test_stations_orient_a_closed_room():
    rng = np.random.default_rng(3)
    directions = rng.normal(size=(6000, 3))
    directions /= np.linalg.norm(directions, axis=1)[:, None]
    before = sx.Scan(4.0 * directions + [100.0, 200.0, 50.0], stations=[[100.0, 200.0, 50.0]])
    after = sx.Scan(4.1 * directions + [100.0, 200.0, 50.0], stations=[[100.0, 200.0, 50.0]])
    result = sx.m3c2(before, after, **SIZES)
    assert ((result.normals * (np.array([100.0, 200.0, 50.0]) - result.core_points)).sum(axis=1) > 0).all()
    assert np.nanmedian(result.distance) == pytest.approx(-0.1, abs=2e-3)  # the rock drew back from the scanner


def test_each_point_faces_the_station_that_saw_it():
    floor = rough_plane(3000, 4, noise=0.001)
    stations = np.array([[2.0, 2.0, 3.0], [2.0, 2.0, -1.0]])
    seen_by = (floor[:, 0] > 2.0).astype(np.int32)
    scan = sx.Scan(floor, stations=stations, attributes={"station_index": seen_by})
    for core in (None, floor[::50]):
        result = sx.m3c2(scan, scan, core_points=core, **SIZES)
        away = np.abs(result.core_points[:, 0] - 2.0) > 0.2
        np.testing.assert_array_equal((result.normals[:, 2] < 0)[away], (result.core_points[:, 0] > 2.0)[away])


def test_plane_moved_by_a_known_amount_is_found_at_large_coordinates():
    before = rough_plane(20_000, 5)
    after = moved(rough_plane(20_000, 6), 0.0, 0.0, 0.04)
    core = before[::100]
    shift = np.array([512345.0, 4123456.0, 1234.0])
    near = sx.m3c2(before, after, core_points=core, **SIZES)
    far = sx.m3c2(before + shift, after + shift, core_points=core + shift, **SIZES)
    assert near.distance.mean() == pytest.approx(0.04, abs=0.002)
    # float64 keeps eastings to a nanometre; nothing more is lost
    np.testing.assert_allclose(far.distance, near.distance, atol=2e-8)
    np.testing.assert_allclose(far.lod95, near.lod95, atol=2e-8)
    np.testing.assert_array_equal(far.n_reference, near.n_reference)


def test_turning_the_world_turns_nothing_else():
    before, after = rough_plane(4000, 7), moved(rough_plane(4000, 8), 0.0, 0.0, 0.1)
    core = before[::40]
    plain = sx.m3c2(before, after, core_points=core, **SIZES)
    for turn in Rotation.random(4, random_state=1):
        turned = sx.m3c2(
            turn.apply(before),
            turn.apply(after),
            core_points=turn.apply(core),
            orientation=turn.apply([0, 0, 1.0]),
            **SIZES,
        )
        np.testing.assert_array_equal(turned.n_compared, plain.n_compared)
        np.testing.assert_allclose(turned.distance, plain.distance, atol=1e-10)
        np.testing.assert_allclose(turned.normals, turn.apply(plain.normals), atol=1e-7)


def test_one_far_point_changes_nothing():
    before, after = rough_plane(2000, 9), rough_plane(2000, 10)
    core = before[::20]
    plain = sx.m3c2(before, after, core_points=core, **SIZES)
    with_stray = sx.m3c2(before, np.vstack([after, [5e6, -5e6, 9000.0]]), core_points=core, **SIZES)
    np.testing.assert_allclose(with_stray.distance, plain.distance, atol=1e-12)


def test_reasons_say_why_a_distance_is_missing():
    before = rough_plane(3000, 11)
    after = before[before[:, 0] < 3.0]
    lonely = np.array([[20.0, 20.0, 0.0], [20.3, 20.0, 0.0], [20.6, 20.0, 0.0]])  # a line has no normal
    core = np.array([[1.0, 2.0, 0.1], [3.6, 2.0, 0.1], [20.3, 20.0, 0.0], [50.0, 0.0, 0.0]])
    result = sx.m3c2(np.vstack([before, lonely]), after, core_points=core, **SIZES)
    assert [REASONS[code] for code in result.reason] == ["ok", "too few compared points", "no normal", "no normal"]
    swapped = sx.m3c2(after, before, core_points=core[:2], normals=np.tile([0.0, 0.0, 2.0], (2, 1)), **SIZES)
    assert [REASONS[code] for code in swapped.reason] == ["ok", "too few reference points"]
    nowhere = sx.m3c2(before, after, core_points=core[[0, 3]], normals=[[0, 0, 1.0], [0, 0, 1.0]], **SIZES)
    assert REASONS[nowhere.reason[1]] == "too few points in both"
    missing = result.reason != 0
    assert np.isnan(result.distance[missing]).all()
    assert np.isnan(result.lod95[missing]).all()
    assert not result.significant[missing].any()


def test_default_core_points_are_real_points_one_a_voxel():
    before = moved(rough_plane(5000, 12), -7.3, 1000.1, 3.0)
    result = sx.m3c2(before, before, core_spacing_m=0.5, **SIZES)
    assert len({tuple(v) for v in np.floor(result.core_points / 0.5)}) == len(result)
    assert len(np.unique(np.floor(before / 0.5), axis=0)) == len(result)
    assert {tuple(p) for p in result.core_points} <= {tuple(p) for p in before}
    part = before[before[:, 0] < np.floor(before[:, 0].mean() / 0.5) * 0.5]
    of_part = sx.m3c2(part, part, core_spacing_m=0.5, **SIZES).core_points
    assert {tuple(p) for p in of_part} <= {tuple(p) for p in result.core_points}
    sparse = np.random.default_rng(1).uniform(0.0, 1000.0, (40, 3))  # far more voxels than points
    assert len(sx.m3c2(sparse, sparse, core_spacing_m=0.5, **SIZES)) == 40


def test_identical_clouds_show_no_change():
    cloud = rough_plane(2000, 13, noise=0.0)
    result = sx.m3c2(cloud, cloud, **SIZES)
    assert np.nanmax(np.abs(result.distance)) == 0.0
    assert not result.significant.any()
    flat = cloud * [1.0, 1.0, 0.0]
    assert not sx.m3c2(flat, moved(flat, 0.0, 0.0, 1e-9), **SIZES).significant.any()
    assert sx.m3c2(flat, moved(flat, 0.0, 0.0, 1e-3), **SIZES).significant.all()


def test_threads_do_not_change_a_bit():
    before, after = rough_plane(30_000, 14), rough_plane(30_000, 15)
    threads = numba.get_num_threads()
    try:
        results = []
        for n in (1, threads):
            numba.set_num_threads(n)
            results.append(sx.m3c2(before, after, **SIZES))
    finally:
        numba.set_num_threads(threads)
    for name in ("core_points", "normals", "distance", "lod95", "n_compared"):
        np.testing.assert_array_equal(getattr(results[0], name), getattr(results[1], name))


def test_registration_comes_from_the_scans_or_is_said_to_be_unknown():
    cloud = rough_plane(1500, 16)
    known = sx.Scan(cloud, crs="EPSG:4547", registration_sigma_m=0.003)
    also = sx.Scan(cloud, crs="EPSG:4547", registration_sigma_m=0.004)
    result = sx.m3c2(known, also, **SIZES)
    assert result.registration_sigma_m == pytest.approx(0.005)
    assert not result.registration_unknown
    assert result.crs == known.crs
    frame = sx.Scan(cloud, crs="EPSG:4547", registration_sigma_m=0.0)
    assert not sx.m3c2(frame, known, **SIZES).registration_unknown
    half = sx.m3c2(sx.Scan(cloud, crs="EPSG:4547"), known, **SIZES)
    assert half.registration_unknown
    assert half.registration_sigma_m == pytest.approx(0.003)
    bare = sx.m3c2(cloud, cloud, **SIZES)
    assert bare.registration_unknown
    assert result.lod95 - bare.lod95 == pytest.approx(1.959964 * 0.005)
    assert not sx.m3c2(cloud, cloud, registration_sigma_m=0.0, **SIZES).registration_unknown


def test_results_go_on_as_table_and_scan():
    scan = sx.Scan(rough_plane(1500, 17), crs="EPSG:4547")
    result = sx.m3c2(scan, scan, **SIZES)
    table = result.to_geodataframe()
    assert table.crs == scan.crs
    assert table.geometry.has_z.all()
    assert set(table["reason"]) == {"ok"}
    back = result.to_scan()
    np.testing.assert_array_equal(back.attributes["distance_m"], result.distance)
    assert "core points" in repr(result)
    assert "registration unknown" in repr(result)


CLOUD = rough_plane(50, 18)


@pytest.mark.parametrize(
    ("clouds", "changes", "error", "text"),
    [
        ((CLOUD, CLOUD), {"normal_radius_m": 0.0}, ParameterError, "normal_radius_m is 0.0; expected a length above 0"),
        ((CLOUD, CLOUD), {"max_depth_m": np.nan}, ParameterError, "max_depth_m is nan"),
        ((CLOUD, CLOUD), {"min_points": 1}, ParameterError, "one point has no spread"),
        ((CLOUD, CLOUD), {"lod": "2sigma"}, ParameterError, "expected 't' or 'lague'"),
        ((CLOUD, CLOUD), {"registration_sigma_m": -0.1}, ParameterError, "registration_sigma_m is -0.1"),
        ((CLOUD, CLOUD), {"orientation": "left"}, ParameterError, "orientation is 'left'"),
        ((CLOUD, CLOUD), {"orientation": "stations"}, ParameterError, "does not know its stations"),
        ((CLOUD, CLOUD), {"orientation": [0.0, 0.0, 0.0]}, ParameterError, "not zero"),
        ((CLOUD, CLOUD), {"normals": CLOUD}, ParameterError, "one normal for each of the core_points"),
        ((CLOUD[:0], CLOUD), {}, GeometryError, "the reference holds no points"),
        ((CLOUD, CLOUD[:, :2]), {}, GeometryError, "shape (50, 2)"),
        (
            (CLOUD, np.vstack([CLOUD, [1.0, np.nan, 0.0]])),
            {},
            GeometryError,
            "1 of the 51 points of the compared",
        ),
        ((CLOUD, CLOUD[:, [1, 0, 2]] + [4e6, 0.0, 0.0]), {}, GeometryError, "have no place in common"),
        ((sx.Scan(CLOUD, crs=4547), sx.Scan(CLOUD, crs=4546)), {}, CRSError, "differ in their coordinate system"),
        ((sx.Scan(CLOUD, crs=4547), sx.Scan(CLOUD)), {}, CRSError, "unknown"),
    ],
)
def test_bad_input_is_refused_with_its_reason(clouds, changes, error, text):
    with pytest.raises(SxriskError) as caught:
        sx.m3c2(*clouds, **{**SIZES, **changes})
    assert caught.type is error
    assert text in str(caught.value)
