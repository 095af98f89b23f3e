"""Parts of large clouds, any tiling, and real pairs."""

from pathlib import Path

import numpy as np
import pytest

from sxrisk.scans import Scan, read_scan, register, tile_scan
from sxrisk.scans.registration._working import core_rows, working_points
from tests.scans.registration_scenes import displaced, hill, motion, scan


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


def points_of(path: Path) -> np.ndarray:
    """Points (n, 3) of libpointmatcher's CSV and legacy VTK files."""
    lines = path.read_text().splitlines()
    if path.suffix == ".vtk":
        lines = lines[5 : 5 + int(lines[4].split()[1])]
    rows = [line.replace(",", " ").split()[:3] for line in lines if not line.startswith("x")]
    return np.array([row for row in rows if row], dtype=np.float64)


@pytest.mark.parametrize("name", ["vapc/vapc_in.laz", "pdal/sample_c.las"])
def test_halves_of_a_real_scan_find_each_other(shared_data: Path, name: str) -> None:
    xyz = read_scan(shared_data / "clouds" / name).xyz
    xyz = xyz - xyz.mean(axis=0)
    half = np.random.default_rng(3).random(len(xyz)) < 0.5
    made = motion(np.array([2e-3, -1e-3, 3e-3]), np.array([0.03, -0.02, 0.04]))
    result = register(Scan(displaced(xyz[half], made)), Scan(xyz[~half]), max_points=8000)
    left = result.move(displaced(xyz[half], made)) - xyz[half]
    assert result.overlap > 0.3
    assert np.sqrt((left**2).sum(axis=1).mean()) < max(1e-3, 5 * result.sigma_m)
