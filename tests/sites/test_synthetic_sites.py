"""Sites of known shape, seen from all sides: what is measured must be what was made."""

from datetime import datetime, timedelta, timezone
from pathlib import Path

import numpy as np
import pytest
from shapely import box

from sxrisk.errors import FileFormatError, GeometryError, ParameterError
from sxrisk.scans import Scan
from sxrisk.sites import SiteResult, measure_dump, measure_pit, measure_site

ORIGIN = np.array([512000.0, 4123000.0, 1200.0])
EPOCHS = [datetime(2026, month, 15, 10, tzinfo=timezone(timedelta(hours=8))) for month in (3, 6)]
CHANGE = {"normal_radius_m": 2.0, "cylinder_radius_m": 1.0, "max_depth_m": 2.0, "core_spacing_m": 2.0}
SLOPE = np.tan(np.radians(37.0))


def heap(x: np.ndarray, y: np.ndarray, grown: float) -> tuple[np.ndarray, np.ndarray]:
    """Ground with a frustum of 20 m on a hillside of 4 degrees, longer by `grown` in the east; and the bare ground."""
    base = -0.07 * y
    outside = np.hypot(np.maximum(np.abs(x - grown / 2) - 30 - grown / 2, 0), np.maximum(np.abs(y) - 25, 0))
    return np.maximum(base, 20.0 - SLOPE * outside), base


def dump_scan(seed: int, grown: float, shift: np.ndarray, epoch: datetime) -> Scan:
    rng = np.random.default_rng(seed)
    x, y = rng.uniform(-95, 105, 90_000), rng.uniform(-85, 95, 90_000)
    z, _ = heap(x, y, grown)
    points = np.column_stack([x, y, z]) + rng.normal(0, 0.006, (len(x), 3)) + shift
    return Scan(points + ORIGIN, crs="EPSG:4547", vertical_crs="EPSG:5737", epoch=epoch, source="dump")


@pytest.fixture(scope="module")
def dump() -> SiteResult:
    scans = [dump_scan(1, 0.0, np.zeros(3), EPOCHS[0]), dump_scan(2, 8.0, np.array([0.01, -0.01, 0.005]), EPOCHS[1])]
    outline = box(-60, -48, 60, 57)
    outline = type(outline)(np.asarray(outline.exterior.coords) + ORIGIN[:2])
    return measure_dump(scans, site_id="D-1", name="dump", outline=outline, change_parameters=CHANGE)


def value(result: SiteResult, metric: str, row: int = -1) -> tuple[float, float]:
    found = result.measurements[result.measurements["metric"] == metric].sort_values("epoch", kind="stable")
    return float(found["value"].iloc[row]), float(found["sigma"].iloc[row])


def test_stack_height(dump: SiteResult) -> None:
    # The platform stands at 20 m; the lowest toe is that in the north, where slope and hillside meet.
    run = (20.0 - (-0.07 * 25.0)) / (SLOPE - 0.07)
    truth = 20.0 - (-0.07 * (25.0 + run))
    for row in (0, 1):
        height, sigma = value(dump, "stack_height", row)
        assert height == pytest.approx(truth, abs=0.3)
        assert 0.02 < sigma < 0.3


def test_growth_and_volume(dump: SiteResult) -> None:
    x, y = np.meshgrid(np.arange(-95, 105, 0.1), np.arange(-85, 95, 0.1))
    before, base = heap(x, y, 0.0)
    after, _ = heap(x, y, 8.0)
    grown = float((after - before).sum() * 0.01)
    assert value(dump, "volume_growth")[0] == pytest.approx(grown, rel=0.02)
    assert dump.measurements.set_index("metric").loc["volume_growth", "method"] == "grid_difference"
    volume, sigma = value(dump, "volume", 0)
    assert volume == pytest.approx(float((before - base).sum() * 0.01), abs=3 * sigma)
    assert volume == pytest.approx(float((before - base).sum() * 0.01), rel=0.05)


def test_registration_is_reported(dump: SiteResult) -> None:
    report = dump.summary["epochs"][1]["registration"]
    assert report["translation_m"] == pytest.approx([-0.01, 0.01, -0.005], abs=2e-3)
    assert report["converged"]
    assert dump.change is not None
    assert not dump.change.registration_unknown


def test_result_is_kept_exactly_and_written_twice_the_same(dump: SiteResult, tmp_path: Path) -> None:
    again = SiteResult.load(dump.save(tmp_path / "kept"))
    assert again.summary == dump.summary
    assert again.crs == dump.crs
    assert np.array_equal(again.mesh.vertices, dump.mesh.vertices)
    assert list(again.mesh.vertex_fields) == ["elevation_m", "change_m", "lod95_m", "significant"]
    for name, values in dump.mesh.vertex_fields.items():
        assert np.array_equal(again.mesh.vertex_fields[name], values, equal_nan=values.dtype.kind == "f")
    assert again.change is not None
    assert dump.change is not None
    assert np.array_equal(again.change.distance, dump.change.distance, equal_nan=True)
    assert again.change.parameters == dump.change.parameters
    assert again.measurements.equals(dump.measurements)
    assert again.rasters["elevation"].identical(dump.rasters["elevation"])
    first, second = (r.write_artefacts(tmp_path / name) for r, name in ((dump, "one"), (again, "two")))
    names = [path.name for path in first]
    assert {"mesh.ply", "mesh.glb", "change.laz", "difference.tif", "sections.dxf", "summary.json"} <= set(names)
    for a, b in zip(first, second, strict=True):
        assert a.read_bytes() == b.read_bytes(), a.name


def test_broken_keep_is_refused(tmp_path: Path) -> None:
    (tmp_path / "site.json").write_text("{", encoding="utf-8")
    with pytest.raises(FileFormatError, match=r"Remove the folder and run the stage again"):
        SiteResult.load(tmp_path)


def test_measurements_are_geographic(dump: SiteResult) -> None:
    frame = dump.measurements
    assert frame.crs.to_epsg() == 4490
    shown = frame[frame["metric"] == "stack_height"].geometry.iloc[0]
    assert 113.0 < shown.centroid.x < 115.0
    assert 36.0 < shown.centroid.y < 38.5
    assert set(frame["subject_id"]) == {"D-1"}


def quarry(seed: int, moved: float, epoch: datetime) -> Scan:
    """A square pit of 20 m with 45 degree walls, of which a part of the eastern one moves outward."""
    rng = np.random.default_rng(seed)
    x, y = rng.uniform(-80, 80, 90_000), rng.uniform(-80, 80, 90_000)
    z = -np.clip(60 - np.maximum(np.abs(x), np.abs(y)), 0, 20)
    points = np.column_stack([x, y, z])
    patch = (x > 41) & (x < 59) & (np.abs(y) < 15)
    points[patch] += moved * np.array([-1.0, 0.0, 1.0]) / np.sqrt(2)
    points += rng.normal(0, 0.006, points.shape)
    # A machine on the floor, elsewhere each time.
    rig = rng.uniform([-3, -2, -19.5], [3, 2, -17], (600, 3)) + np.array([10.0 * seed, 0, 0])
    return Scan(np.concatenate([points, rig]) + ORIGIN, crs=4547, epoch=epoch)


def test_pit_with_a_moving_wall() -> None:
    square = box(512000 - 60, 4123000 - 60, 512000 + 60, 4123000 + 60)
    scans = [[quarry(1, 0.0, EPOCHS[0])], [quarry(2, 0.04, EPOCHS[1])]]
    result = measure_pit(scans, site_id="P-1", outline=square, change_parameters=CHANGE)
    assert value(result, "depth")[0] == pytest.approx(20.0, abs=0.1)
    assert value(result, "overall_slope")[0] == pytest.approx(45.0, abs=5.0)
    assert value(result, "volume")[0] == pytest.approx((120**3 - 80**3) / 6, rel=0.01)
    bodies = result.summary["change"]["bodies"]
    assert [body["kind"] for body in bodies] == ["movement"]  # the machine is no body
    assert bodies[0]["mean_m"] == pytest.approx(0.04, abs=0.003)
    assert bodies[0]["rate_mm_per_day"] == pytest.approx(40 / 92, rel=0.1)
    assert value(result, "displacement_rate")[0] == pytest.approx(bodies[0]["rate_mm_per_day"], abs=1e-3)


def test_epochs_come_in_any_order_and_must_all_be_dated() -> None:
    square = box(512000 - 60, 4123000 - 60, 512000 + 60, 4123000 + 60)
    scans = [quarry(2, 0.0, EPOCHS[1]).replace(epoch=None), quarry(1, 0.0, EPOCHS[0])]
    with pytest.raises(ParameterError, match="some epochs have a date and some have none"):
        measure_pit(scans, site_id="P-1", outline=square)


def test_refusals() -> None:
    scan = quarry(1, 0.0, EPOCHS[0])
    with pytest.raises(ParameterError, match="sites of kind 'lake' cannot be measured; expected open_pit"):
        measure_site("lake", [scan], site_id="L-1")
    with pytest.raises(ParameterError, match="a waste dump without an outline"):
        measure_site("waste_dump", [scan], site_id="D-1")
    with pytest.raises(ParameterError, match="expected at least one epoch"):
        measure_site("open_pit", [], site_id="P-1")
    with pytest.raises(GeometryError, match="no point of the scan lies inside the outline"):
        measure_site("open_pit", [scan], site_id="P-1", outline=box(0, 0, 10, 10))
