"""Any tiling, same answer: M3C2 over tiles equals M3C2 in one piece to the last bit."""

from dataclasses import fields

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import sxrisk as sx
from sxrisk.change import M3C2Result, M3C2Task, ScannerErrors, m3c2_tile, plan_m3c2
from sxrisk.parallel import open_executor
from sxrisk.scans.cloud import Tile
from sxrisk.scans.tiled import tile_scan

SIZES = {"normal_radius_m": 0.8, "cylinder_radius_m": 0.4, "max_depth_m": 1.5, "core_spacing_m": 0.5}
CORNER = np.array([512000.0, 4123000.0, 1200.0])
STATIONS = CORNER + np.array([[5.0, 5.0, 20.0], [18.0, 3.0, 20.0], [-4.0, 9.0, 15.0]])


class Cut:
    """A cloud cut at any given eastings and northings: what M3C2 asks of a tiled one."""

    def __init__(self, scan, cuts):
        self.scan = scan
        self.cuts = [np.array([-np.inf, *sorted(c), np.inf]) for c in cuts]

    def __getattr__(self, name):
        return getattr(self.scan, name)

    def require_metres(self):
        return self

    def read(self, box=None, *, attributes=None):
        return self.scan.read(box, attributes=attributes)

    def tiles(self, halo_m=0.0, *, attributes=None, align_m=None):
        x, y = self.cuts
        for i in range(len(x) - 1):
            for j in range(len(y) - 1):
                core = (x[i], y[j], x[i + 1], y[j + 1])
                box = (x[i] - halo_m, y[j] - halo_m, x[i + 1] + halo_m, y[j + 1] + halo_m)
                yield Tile(i, core, self.scan.read(box, attributes=attributes))


def scene(n, seed):
    """Ground, a wall and a roof, at the size of real eastings, seen from three stations."""
    rng = np.random.default_rng(seed)
    xy = rng.uniform(0.0, [16.0, 10.0], (n, 2))
    z = 0.3 * np.sin(xy[:, 0]) + rng.normal(0.0, 0.02, n)
    xyz = np.column_stack([xy, z])
    wall = rng.random(n) < 0.2
    xyz[wall, 2] = rng.uniform(0.0, 6.0, wall.sum())
    xyz[wall, 0] = 8.0 + rng.normal(0.0, 0.02, wall.sum())
    roof = rng.random(n) < 0.15
    xyz[roof, 2] += 5.0
    xyz = CORNER + np.round(xyz, 3)
    seen = rng.integers(-1, 3, n).astype(np.int32)
    return sx.Scan(xyz, stations=STATIONS, attributes={"station_index": seen}, range_sigma_m=0.01)


BEFORE, AFTER = scene(12_000, 1), scene(15_000, 2)


def assert_same(a, b):
    for item in fields(M3C2Result):
        x, y = getattr(a, item.name), getattr(b, item.name)
        if isinstance(x, np.ndarray):
            np.testing.assert_array_equal(x, y, err_msg=item.name)
        elif item.name == "registration_sigma_m":
            assert x == pytest.approx(y)


cuts_x = st.lists(st.floats(512000.0, 512016.0), max_size=5)
cuts_y = st.lists(st.floats(4123000.0, 4123010.0), max_size=4)


@settings(max_examples=25, deadline=None)
@given(
    tilings=st.tuples(cuts_x, cuts_y, cuts_x, cuts_y),
    which=st.sampled_from(["both", "reference", "compared"]),
    options=st.sampled_from(
        [
            {},
            {"method": "median", "fdr": 0.05},
            {"normal_radius_m": [0.4, 0.8, 1.2], "orientation": "up"},
            {"orientation": STATIONS[:2]},
            {"lod": "lague", "cylinder_radius_m": 0.7},
        ]
    ),
    given_core=st.booleans(),
)
def test_any_tiling_gives_the_same_bits(tilings, which, options, given_core):
    options = {**SIZES, **options}
    if given_core:
        rng = np.random.default_rng(len(tilings[0]))
        options["core_points"] = BEFORE.xyz[::40] + rng.normal(0.0, 0.1, BEFORE.xyz[::40].shape)
    reference = BEFORE if which == "compared" else Cut(BEFORE, tilings[:2])
    compared = AFTER if which == "reference" else Cut(AFTER, tilings[2:])
    assert_same(sx.m3c2(reference, compared, **options), sx.m3c2(BEFORE, AFTER, **options))


@pytest.mark.parametrize("tile_points", [500, 3_000])
def test_a_store_on_disk_gives_the_same_bits(tmp_path, tile_points):
    stores = [tile_scan(s, tmp_path / str(i), tile_points=tile_points) for i, s in enumerate((BEFORE, AFTER))]
    assert_same(sx.m3c2(*stores, **SIZES), sx.m3c2(BEFORE, AFTER, **SIZES))
    core = BEFORE.xyz[::50]
    whole = sx.m3c2(BEFORE, AFTER, core_points=core, **SIZES)
    assert_same(sx.m3c2(*stores, core_points=core, **SIZES), whole)
    normals = whole.normals
    assert_same(
        sx.m3c2(*stores, core_points=core, normals=normals, **SIZES),
        sx.m3c2(BEFORE, AFTER, core_points=core, normals=normals, **SIZES),
    )


def test_error_propagation_is_the_same_on_tiles(tmp_path):
    clouds = [s.with_attributes(station_index=np.maximum(s.station_index, 0)) for s in (BEFORE, AFTER)]
    stores = [tile_scan(s, tmp_path / str(i), tile_points=2_000) for i, s in enumerate(clouds)]
    options = {**SIZES, "lod": "ep", "scanner": ScannerErrors(None, 1e-4, 2e-4, 1e-4)}
    assert_same(sx.m3c2(*stores, **options), sx.m3c2(*clouds, **options))


def test_tiles_run_in_other_processes(tmp_path):
    stores = [tile_scan(s, tmp_path / str(i), tile_points=6_000) for i, s in enumerate((BEFORE, AFTER))]
    plan = plan_m3c2(*stores, **SIZES)
    task = M3C2Task(plan, *stores, (512000.0, 4123000.0, 512008.0, 4123010.0))
    with open_executor(2) as executor:
        assert_same(executor.submit(m3c2_tile, task).result(), m3c2_tile(task))
        assert_same(sx.m3c2(*stores, executor=executor, **SIZES), sx.m3c2(BEFORE, AFTER, **SIZES))


def test_empty_places_are_tiles_too():
    left = BEFORE.select(BEFORE.xyz[:, 0] < 512005.0)
    right = AFTER.select(AFTER.xyz[:, 0] < 512004.0)
    cuts = ([512002.0, 512007.0, 512009.0], [4123005.0])
    assert_same(sx.m3c2(Cut(left, cuts), Cut(right, cuts), **SIZES), sx.m3c2(left, right, **SIZES))
    core = BEFORE.xyz[::100]
    assert_same(
        sx.m3c2(Cut(left, cuts), Cut(right, cuts), core_points=core, **SIZES),
        sx.m3c2(left, right, core_points=core, **SIZES),
    )
