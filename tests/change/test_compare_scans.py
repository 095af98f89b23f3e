"""Two epochs to change, difference, volumes and mesh: known truth, any tiling, any executor, and after a kill."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import shapely
from scipy.spatial import KDTree

import sxrisk as sx
from sxrisk.change import ScannerErrors
from sxrisk.change.comparison import ComparisonResult, compare_scans, pipeline
from sxrisk.errors import CRSError, FileFormatError, GeometryError, InputError, ParameterError
from sxrisk.parallel import open_executor
from sxrisk.scans import Scan, tile_scan, write_scan

SIZES = {"normal_radius_m": 1.0, "cylinder_radius_m": 0.7, "max_depth_m": 3.0, "core_spacing_m": 1.0, "cell_m": 1.0}
CORNER = np.array([512_000.0, 4_123_000.0, 900.0])
HEAP = 0.6
SHIFT = 0.02


def ground(seed: int, *, heap: bool = False, n: int = 12_000) -> Scan:
    """A rolling slope of 50 x 40 m with a hole in the data; the later one has a heap of 10 x 10 m on it."""
    rng = np.random.default_rng(seed)
    xy = rng.uniform(0.0, 1.0, (n, 2)) * [50.0, 40.0]
    xy = xy[~((np.abs(xy[:, 0] - 40.0) < 1.0) & (np.abs(xy[:, 1] - 30.0) < 1.0))]
    z = 0.2 * xy[:, 0] + 0.3 * np.sin(0.25 * xy[:, 0]) + 0.3 * np.sin(0.3 * xy[:, 1]) + rng.normal(0.0, 0.005, len(xy))
    if heap:
        z += np.where((np.abs(xy[:, 0] - 15.0) < 5.0) & (np.abs(xy[:, 1] - 15.0) < 5.0), HEAP, 0.0)
    return Scan(np.column_stack([xy, z]) + CORNER, crs="EPSG:4547", registration_sigma_m=0.0, source=f"epoch{seed}.laz")


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("epochs")
    return write_scan(ground(1), folder / "before.laz"), write_scan(ground(2, heap=True), folder / "after.laz")


def compare(files: tuple[Path, Path], out: Path, **options: Any) -> ComparisonResult:
    before, after = (sx.read_scan(path) for path in files)
    return compare_scans(before, after, out, **{**SIZES, "registration_sigma_m": 0.0, "threshold_m": 0.15, **options})


@pytest.fixture(scope="module")
def result(files: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory) -> ComparisonResult:
    return compare(files, tmp_path_factory.mktemp("runs") / "out", tile_points=3_000)


def contents(result: ComparisonResult) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(result.folder.iterdir())}


def test_the_volume_and_the_distances_of_a_heap_are_found(result: ComparisonResult) -> None:
    volume, change = result.summary["volume"], result.summary["change"]
    assert volume["fill_m3"] == pytest.approx(100.0 * HEAP, rel=0.03)
    assert volume["net_m3"] == pytest.approx(100.0 * HEAP, abs=3.0 * volume["sigma_m3"] + 0.5)
    assert volume["area_m2"] == pytest.approx(2_000.0, rel=0.03)
    assert 0.0 < volume["filled_share"] < 0.02
    assert volume["cells_correlated"]
    assert change["distance"]["median_m"] == pytest.approx(0.0, abs=0.001)
    points = result.change()
    assert points.n_points == change["core_points"]
    plan = points.xyz[:, :2] - CORNER[:2] - 15.0
    on_heap = (np.abs(plan) < 3.5).all(axis=1)
    slope = np.hypot(1.0, 0.15)
    assert np.nanmedian(points.attributes["distance_m"][on_heap]) == pytest.approx(HEAP / slope, abs=0.012)
    off = (np.abs(plan) > 7.0).any(axis=1)
    assert points.attributes["significant"][off].mean() < 0.08


def test_rasters_and_mesh_open_where_they_belong(result: ComparisonResult) -> None:
    import rasterio

    with rasterio.open(result.file("difference.tif")) as file:
        assert file.crs.to_epsg() == 4547
        assert file.tags(ns="IMAGE_STRUCTURE")["LAYOUT"] == "COG"
        values = file.read(1)
        row, column = file.index(*(CORNER[:2] + 15.0))
        assert np.array_equal(result.difference().values, values, equal_nan=True)
        assert values[row, column] == pytest.approx(HEAP, abs=0.05)
        truth = CORNER[2] + HEAP + 0.2 * 15.0 + 0.3 * (np.sin(3.75) + np.sin(4.5))
        with rasterio.open(result.file("elevation_after.tif")) as later:
            assert later.read(1)[row, column] == pytest.approx(truth, abs=0.15)
    mesh = sx.read_mesh(result.file("mesh.ply")) if hasattr(sx, "read_mesh") else None
    assert result.summary["mesh"]["cell_m"] == SIZES["cell_m"]
    if mesh is not None:
        assert {"change_m", "lod95_m", "significant", "elevation_m"} <= set(mesh.vertex_fields)


def test_any_tiling_gives_the_same_files(files: tuple[Path, Path], result: ComparisonResult, tmp_path: Path) -> None:
    for tile_points in (900, 10**6):
        other = compare(files, tmp_path / "out", tile_points=tile_points)
        assert other.summary == result.summary
        mine, theirs = contents(result), contents(other)
        for name in set(mine) - {"change.laz"}:
            assert mine[name] == theirs[name], name
        # The core points come in the order of the tiles.
        a, b = (sx.read_scan(run.file("change.laz")) for run in (result, other))
        orders = [np.lexsort(scan.xyz.T) for scan in (a, b)]
        assert np.array_equal(a.xyz[orders[0]], b.xyz[orders[1]])
        for name in a.attribute_names:
            first, second = a.attributes[name][orders[0]], b.attributes[name][orders[1]]
            assert np.array_equal(first, second, equal_nan=first.dtype.kind == "f")


def test_m3c2_in_one_piece_says_the_same(files: tuple[Path, Path], result: ComparisonResult) -> None:
    before, after = (sx.read_scan(path) for path in files)
    sizes = {name: value for name, value in SIZES.items() if name != "cell_m"}
    whole = sx.m3c2(before, after, registration_sigma_m=0.0, **sizes)
    assert len(whole) == result.summary["change"]["core_points"]
    assert int(whole.significant.sum()) == result.summary["change"]["significant"]


def test_local_processes_give_the_same_bytes(
    files: tuple[Path, Path], result: ComparisonResult, tmp_path: Path
) -> None:
    with open_executor(2) as executor:
        assert contents(compare(files, tmp_path / "out", tile_points=3_000, executor=executor)) == contents(result)


class KilledError(Exception):
    """Stands for a kill: nobody catches it."""


def test_a_killed_run_goes_on_to_the_same_bytes_and_leaves_the_last_result(
    files: tuple[Path, Path], result: ComparisonResult, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"
    first = compare(files, out, cell_m=2.0)
    standing = contents(first)
    worked: list[int] = []
    real = pipeline.work_on_part

    def until(limit: int) -> Any:
        def work(task: Any) -> int:
            if len(worked) >= limit:
                raise KilledError
            worked.append(task.index)
            return real(task)

        return work

    monkeypatch.setattr(pipeline, "work_on_part", until(4))
    with pytest.raises(KilledError):
        compare(files, out, tile_points=3_000)
    assert contents(ComparisonResult.open(out)) == standing
    done = {path.name: path.stat().st_mtime_ns for path in (tmp_path / "out.partial/.state/parts").iterdir()}
    assert len(done) == 4
    monkeypatch.setattr(pipeline, "work_on_part", real)
    monkeypatch.setattr(pipeline, "_write_mesh", lambda *_: (_ for _ in ()).throw(KilledError))
    with pytest.raises(KilledError):
        compare(files, out, tile_points=3_000, resume=True)
    again = {path.name: path.stat().st_mtime_ns for path in (tmp_path / "out.partial/.state/parts").iterdir()}
    assert done.items() <= again.items()
    monkeypatch.undo()
    resumed = compare(files, out, tile_points=3_000, resume=True)
    assert contents(resumed) == contents(result)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out", "out.previous"]
    assert contents(ComparisonResult.open(tmp_path / "out.previous")) == standing


def test_other_choices_are_not_mixed_into_an_interrupted_run(
    files: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pipeline, "make_surfaces", lambda *_: (_ for _ in ()).throw(KilledError))
    with pytest.raises(KilledError):
        compare(files, tmp_path / "out")
    monkeypatch.undo()
    other = compare(files, tmp_path / "out", max_depth_m=1.0, resume=True)
    assert other.summary["parameters"]["max_depth_m"] == 1.0
    assert contents(other) == contents(compare(files, tmp_path / "fresh", max_depth_m=1.0))


def test_a_kill_between_the_two_renames_is_finished(
    files: tuple[Path, Path], result: ComparisonResult, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    compare(files, out, tile_points=3_000)
    out.rename(tmp_path / "out.partial")
    compare(files, out, cell_m=2.0)
    assert contents(ComparisonResult.open(tmp_path / "out.previous")) == contents(result)


def test_the_epochs_are_registered_first_where_it_is_asked_for(tmp_path: Path) -> None:
    before, after = ground(1), ground(2, heap=True)
    moved = after.replace(xyz=after.xyz + np.array([SHIFT, -SHIFT, SHIFT]))
    plain = compare_scans(before, moved, tmp_path / "plain", registration_sigma_m=0.0, **SIZES)
    fitted = compare_scans(before, moved, tmp_path / "fitted", register=True, tile_points=3_000, **SIZES)
    assert plain.summary["change"]["distance"]["median_m"] > 0.7 * SHIFT
    assert fitted.summary["change"]["distance"]["median_m"] == pytest.approx(0.0, abs=0.002)
    assert fitted.summary["registration"]["fitted"]
    assert 0.0 < fitted.summary["registration"]["sigma_m"] < 0.01
    assert fitted.file("registration.json").is_file()


def test_an_outline_bounds_the_volume(files: tuple[Path, Path], tmp_path: Path) -> None:
    heap = shapely.box(*(CORNER[:2] + 8.0), *(CORNER[:2] + 22.0))
    volume = compare(files, tmp_path / "out", outline=heap).summary["volume"]
    assert volume["area_m2"] == pytest.approx(14.0**2)
    assert volume["unknown_m2"] == 0.0
    assert volume["net_m3"] == pytest.approx(100.0 * HEAP, rel=0.02)


def test_the_mesh_keeps_to_its_size_and_tells_its_cell(files: tuple[Path, Path], tmp_path: Path) -> None:
    mesh = compare(files, tmp_path / "out", max_vertices=600).summary["mesh"]
    assert mesh["vertices"] <= 600
    assert mesh["cell_m"] == 2.0


def test_false_discoveries_and_scanner_errors_are_those_of_m3c2(tmp_path: Path) -> None:
    places = [CORNER + np.array([25.0, 20.0, 30.0])]
    epochs = [
        ground(seed, heap=heap).replace(stations=places, range_sigma_m=0.005) for seed, heap in ((1, False), (2, True))
    ]
    sizes = {name: value for name, value in SIZES.items() if name != "cell_m"}
    for more in ({"fdr": 0.05}, {"fdr": 0.05, "lod": "ep", "scanner": ScannerErrors(None, 1e-4, 1e-4)}):
        out = compare_scans(*epochs, tmp_path / "out", tile_points=3_000, cell_m=1.0, **sizes, **more)
        whole, back = sx.m3c2(*epochs, **sizes, **more), out.m3c2()
        # The file holds core points to the millimetre.
        near, other = KDTree(back.core_points).query(whole.core_points)
        order = np.arange(len(whole))
        assert near.max() < 1e-3
        for name in ("distance", "lod95", "p_value"):
            assert np.allclose(getattr(whole, name)[order], getattr(back, name)[other], atol=2e-6, equal_nan=True), name
        assert np.array_equal(whole.significant_fdr[order], back.significant_fdr[other])
        changed = out.summary["change"]["significant_fdr"]
        assert 0 < changed == int(whole.significant_fdr.sum()) < out.summary["change"]["significant"]


def test_stores_are_taken_as_they_are(files: tuple[Path, Path], result: ComparisonResult, tmp_path: Path) -> None:
    stores = [tile_scan(sx.read_scan(path), tmp_path / path.stem, tile_points=3_000, attributes=[]) for path in files]
    other = compare_scans(*stores, tmp_path / "out", registration_sigma_m=0.0, threshold_m=0.15, **SIZES)
    assert contents(other) == contents(result)


def test_progress_is_told(files: tuple[Path, Path], tmp_path: Path) -> None:
    told: list[tuple[str, int, int]] = []
    compare(files, tmp_path / "out", tile_points=3_000, progress=lambda *what: told.append(what))
    assert {name for name, _, _ in told} == {"change", "surfaces"}
    assert all(done <= total for _, done, total in told)


def test_what_cannot_be_compared_is_told(files: tuple[Path, Path], tmp_path: Path) -> None:
    before, after = ground(1, n=500), ground(2, n=500)
    with pytest.raises(ParameterError, match="no scan to compare"):
        compare_scans([], after, tmp_path / "out", **SIZES)
    with pytest.raises(CRSError, match="differ in their coordinate system"):
        compare_scans(before, after.replace(crs="EPSG:4546"), tmp_path / "out", **SIZES)
    with pytest.raises(GeometryError, match="no place in common"):
        compare_scans(before, after.replace(xyz=after.xyz + 1e4), tmp_path / "out", **SIZES)
    with pytest.raises(ParameterError, match="max_gap_m"):
        compare_scans(before, after, tmp_path / "out", max_gap_m=-1.0, **SIZES)
    with pytest.raises(ParameterError, match="max_vertices"):
        compare_scans(before, after, tmp_path / "out", max_vertices=1, **SIZES)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "notes.txt").write_text("mine", encoding="utf-8")
    with pytest.raises(InputError, match="no comparison made"):
        compare_scans(before, after, tmp_path / "mine", **SIZES)
    with pytest.raises(FileFormatError, match="no finished comparison"):
        ComparisonResult.open(tmp_path / "mine")


def test_the_summary_is_plain_json(result: ComparisonResult) -> None:
    assert json.loads(result.file("summary.json").read_text(encoding="utf-8")) == result.summary
    assert "core points" in repr(result)
