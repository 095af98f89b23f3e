"""Parts of large clouds, any tiling, and real pairs."""

from pathlib import Path

import numpy as np
import pytest

from sxrisk.scans import Scan, read_scan, register, thin, tile_scan
from sxrisk.scans.registration._working import core_rows, working_points
from tests.scans.registration_scenes import displaced, hill, motion, scan

Array = np.ndarray


def test_a_part_of_a_cloud_is_even_and_unbiased() -> None:
    rng = np.random.default_rng(0)
    # A flat floor exactly on the edge of the blocks, a hundred times denser in one corner.
    xy = np.concatenate([rng.uniform(0, 100, (30_000, 2)), rng.uniform(0, 20, (120_000, 2))])
    cloud = np.column_stack([xy, rng.normal(0, 0.01, len(xy))])
    part = working_points(Scan(cloud), 40_000)
    assert len(part) == pytest.approx(40_000, rel=0.05)
    assert abs(part[:, 2].mean()) < 4 * 0.01 / np.sqrt(len(part))
    corner = (part[:, :2] < 20).all(axis=1).sum() / 400
    rest = (part[:, :2] > 25).all(axis=1).sum() / 5625
    # Thinned most where they lay densest: a hundred to one before.
    assert corner / rest < 60
    assert len(core_rows(part, 500)) <= 500


def test_any_tiling_gives_the_same_motion(tmp_path: Path) -> None:
    made = motion(np.array([1e-4, 2e-4, -1e-4]), np.array([0.02, 0.01, -0.01]))
    before, after = scan(hill(1, 8000)), scan(displaced(hill(2, 8000), made))
    whole = register(after, before, max_points=2000)
    tiled = [tile_scan(one, tmp_path / name, tile_points=900) for one, name in ((after, "a"), (before, "b"))]
    parts = register(tiled[0], tiled[1], max_points=2000)
    assert np.array_equal(parts.matrix, whole.matrix)
    assert np.array_equal(parts.covariance, whole.covariance)
    assert parts.sigma_m == whole.sigma_m


def test_a_tiled_scan_is_moved_tile_by_tile(tmp_path: Path) -> None:
    made = motion(np.array([1e-3, 2e-3, -1e-3]), np.array([0.2, 0.1, -0.1]))
    whole = scan(displaced(hill(2, 5000), made), stations=[[512000.0, 4123000.0, 1220.0]])
    found = register(whole, scan(hill(1, 5000)), max_points=1000)
    moved = found.apply(tile_scan(whole, tmp_path / "tiles", tile_points=700))
    assert sum(part.n_points for part in moved.chunks(1000)) == 5000
    again, straight = tile_scan(moved, tmp_path / "again", tile_points=700), found.apply(whole)
    order, other = (np.lexsort(cloud.xyz.T) for cloud in (again.read(), straight))
    np.testing.assert_allclose(again.read().xyz[order], straight.xyz[other], atol=1e-6)
    assert again.stations == pytest.approx(straight.stations)
    assert again.registration_sigma_m == found.sigma_m


def rms_between(one: Array, other: Array, points: Array) -> float:
    """Root mean square distance of points (n, 3) after one motion (4, 4) and after another."""
    return float(np.sqrt(((displaced(points, one) - displaced(points, other)) ** 2).sum(axis=1).mean()))


# data onto reference "from visual inspection", as libpointmatcher's own tests state it for its car pair.
CAR = np.array(
    [
        [0.982304, 0.166685, -0.0854066, 0.0446816],
        [-0.150189, 0.973488, 0.172524, 0.191998],
        [0.111899, -0.156644, 0.981296, -0.0356313],
        [0.0, 0.0, 0.0, 1.0],
    ]
)
# The corridor by two generalised ICPs at two sets of scales (small_gicp 1.0), which agree to 3 mm.
CORRIDOR = np.array(
    [
        [0.993226, -0.116172, 0.002593, 0.614031],
        [0.116166, 0.993227, 0.002281, -0.01319],
        [-0.00284, -0.001964, 0.999994, 0.005544],
        [0.0, 0.0, 0.0, 1.0],
    ]
)


@pytest.mark.parametrize(
    ("moving", "fixed", "known", "within_m", "thinned_m"),
    [
        ("car_cloud401.csv", "car_cloud400.csv", CAR, 0.1, None),
        ("car_cloud401.csv", "car_cloud400.csv", CAR, 0.1, 0.3),
        ("cloud_1.vtk", "cloud_0.vtk", CORRIDOR, 0.015, None),
    ],
    ids=["car", "car-thinned", "corridor"],
)
@pytest.mark.filterwarnings("ignore::sxrisk.errors.UnverifiedInputWarning")
def test_real_pairs_converge(
    shared_data: Path, moving: str, fixed: str, known: Array, within_m: float, thinned_m: float | None
) -> None:
    folder = shared_data / "clouds" / "libpointmatcher"
    clouds = [read_scan(folder / name) for name in (moving, fixed)]
    if thinned_m is not None:
        clouds = [thin(cloud, thinned_m) for cloud in clouds]
    result = register(*clouds, max_points=8000)
    assert result.converged
    assert rms_between(result.about(np.zeros(3)).matrix, known, clouds[0].xyz) < within_m


@pytest.mark.parametrize(
    ("name", "determined"), [("vapc/vapc_in.laz", True), ("pdal/sample_c.las", False)], ids=["walls", "flat"]
)
def test_halves_of_a_real_scan_find_each_other(shared_data: Path, name: str, determined: bool) -> None:
    xyz = read_scan(shared_data / "clouds" / name).xyz
    xyz = xyz - xyz.mean(axis=0)
    half = np.random.default_rng(3).random(len(xyz)) < 0.5
    made = motion(np.array([2e-3, -1e-3, 3e-3]), np.array([0.03, -0.02, 0.04]))
    result = register(Scan(displaced(xyz[half], made)), Scan(xyz[~half]), max_points=8000)
    left = result.move(displaced(xyz[half], made)) - xyz[half]
    assert result.overlap > 0.3
    assert result.determined == determined
    # Ground and one flat roof hold the height alone: in plan the fit says that it knows nothing.
    known = left if determined else left[:, 2:]
    assert np.sqrt((known**2).sum(axis=1).mean()) < max(1e-3, 5 * result.sigma_m)
