"""Thinning: the point nearest to the middle of each voxel, checked one voxel at a time."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sxrisk.errors import ParameterError
from sxrisk.scans import Scan, thin, thin_rows
from sxrisk.scans.thinning import _thin_far_apart


def by_hand(xyz: np.ndarray, voxel: float) -> list[int]:
    """Rows kept, voxel after voxel in the order of x, y and z."""
    best: dict[tuple[int, ...], tuple[float, int]] = {}
    for row, steps in enumerate(xyz / voxel):
        home = tuple(int(v) for v in np.floor(steps))
        off = float(((steps - np.floor(steps) - 0.5) ** 2).sum())
        if home not in best or off < best[home][0]:
            best[home] = (off, row)
    return [best[home][1] for home in sorted(best)]


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10**6), voxel=st.sampled_from([0.1, 0.3, 1.0, 7.0]), n=st.integers(1, 400))
def test_rows_are_those_found_by_hand(seed: int, voxel: float, n: int) -> None:
    rng = np.random.default_rng(seed)
    xyz = rng.uniform(-5.0, 5.0, (n, 3))
    xyz[n // 2 :] = np.round(xyz[n // 2 :], 1)  # on edges, and often in the same place
    assert thin_rows(xyz, voxel).tolist() == by_hand(xyz, voxel)


def test_a_stray_point_far_away_changes_nothing_else() -> None:
    xyz = np.random.default_rng(1).uniform(0.0, 3.0, (500, 3))
    stray = np.vstack([xyz, [1e9, -1e9, 1e9]])
    kept = thin_rows(stray, 0.01)
    assert np.array_equal(kept, _thin_far_apart(stray / 0.01))
    assert set(kept) == {*thin_rows(xyz, 0.01), 500}


def test_many_voxels_make_the_table_grow() -> None:
    xyz = np.random.default_rng(2).uniform(0.0, 100.0, (20_000, 3))
    rows = thin_rows(xyz, 0.5)
    assert len(rows) == len(np.unique(np.floor(xyz / 0.5), axis=0))
    assert np.array_equal(rows, _thin_far_apart(xyz / 0.5))


def test_attributes_and_order_are_kept_and_nothing_stays_nothing() -> None:
    scan = Scan([[5.5, 0.5, 0.5], [0.4, 0.5, 0.5], [0.5, 0.5, 0.5]], attributes={"intensity": [1, 2, 3]})
    kept = thin(scan, 1.0)
    assert kept.attributes["intensity"].tolist() == [1, 3]
    assert thin(Scan(np.empty((0, 3))), 1.0).n_points == 0


def test_voxels_that_cannot_be_counted_are_refused() -> None:
    for voxel, text in ((0.0, "voxels of 0.0 m"), (float("nan"), "voxels of nan"), (1e-12, "double precision")):
        with pytest.raises(ParameterError, match=text):
            thin(Scan([[4e6, 4e6, 1.0]]), voxel)
