"""Jobs on scan files: the same answer in memory and in tiles, known truth, and nothing half written."""

import json
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import rioxarray
from shapely import box

import sxrisk as sx
from sxrisk.assess.scan_batch import ScanTask, run_batch, write_report
from sxrisk.assess.scan_jobs import (
    FileJob,
    Reading,
    change_folder,
    clean_file,
    convert_file,
    grid_file,
    ground_file,
    is_mesh,
    mesh_file,
    planned_outputs,
    register_file,
    register_stations_file,
    thin_file,
    view_file,
    volume_file,
)
from sxrisk.change import ComparisonResult
from sxrisk.errors import FileFormatError, GeometryError, ParameterError

EAST, NORTH = 500_000.0, 4_100_000.0
CORNER = np.array([EAST, NORTH])
TILED = Reading(in_memory_points=500)


def relief(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    return 900.0 + 2.0 * np.sin(x / 4.0) + 1.5 * np.cos(y / 3.0) + 0.002 * x * y


def terrain(seed: int, lift: float = 0.0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    xy = rng.uniform(0.0, 40.0, (20_000, 2))
    z = relief(*xy.T) + rng.normal(0.0, 0.004, len(xy))
    inside = (np.abs(xy - 20.0) < 5.0).all(axis=1)
    return np.column_stack([xy[:, 0] + EAST, xy[:, 1] + NORTH, z + np.where(inside, lift, 0.0)])


def scan(points: np.ndarray, **more: object) -> sx.Scan:
    return sx.Scan(points, crs="EPSG:4547", vertical_crs="EPSG:5737", **more)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("scans")
    before = terrain(1)
    stray = [[EAST + 20.0, NORTH + 20.0, 930.0 + k] for k in range(3)]
    clouds = {
        "before": scan(before, registration_sigma_m=0.0, attributes={"intensity": np.arange(len(before)) % 100}),
        "after": scan(terrain(2, lift=0.5), registration_sigma_m=0.002),
        "stray": scan(np.vstack([before, stray])),
    }
    paths = {name: sx.write_scan(cloud, folder / f"{name}.laz") for name, cloud in clouds.items()}
    square = gpd.GeoDataFrame(
        {"name": ["raised"]}, geometry=[box(EAST + 14, NORTH + 14, EAST + 26, NORTH + 26)], crs="EPSG:4547"
    )
    paths["raised"] = folder / "raised.gpkg"
    square.to_file(paths["raised"])
    return paths


def same_points(one: Path, other: Path) -> bool:
    first, second = (np.asarray(sx.read_scan(path).xyz) for path in (one, other))
    return first.shape == second.shape and bool((first[np.lexsort(first.T)] == second[np.lexsort(second.T)]).all())


@pytest.mark.parametrize(
    ("job", "options"),
    [
        (convert_file, {}),
        (convert_file, {"to_crs": "EPSG:4546"}),
        (thin_file, {"voxel_m": 1.0}),
        (clean_file, {"dust": True}),
        (ground_file, {"vegetation": True}),
    ],
)
def test_a_cloud_in_tiles_gives_the_same_file_as_in_memory(
    files: dict[str, Path], tmp_path: Path, job: object, options: dict[str, object]
) -> None:
    one, other = tmp_path / "one.laz", tmp_path / "other.laz"
    figures = job((files["stray"],), one, **options)  # type: ignore[operator]
    assert job((files["stray"],), other, reading=TILED, **options) == figures  # type: ignore[operator]
    assert same_points(one, other)
    assert {path.name for path in tmp_path.iterdir()} == {"one.laz", "other.laz"}


def test_grids_in_tiles_are_the_same_to_the_byte(files: dict[str, Path], tmp_path: Path) -> None:
    for reading, name in ((Reading(), "one.tif"), (TILED, "other.tif")):
        figures = grid_file((files["before"],), tmp_path / name, cell_m=1.0, reading=reading, shade=True, contour_m=1.0)
    assert (tmp_path / "one.tif").read_bytes() == (tmp_path / "other.tif").read_bytes()
    assert figures["rows"] == figures["columns"] == 40
    assert {path.name for path in tmp_path.glob("one*")} == {"one.tif", "one_hillshade.tif", "one_contours.gpkg"}


def test_a_store_is_kept_and_is_an_input(files: dict[str, Path], tmp_path: Path) -> None:
    reading = Reading(in_memory_points=500, store=str(tmp_path / "stores"))
    first = thin_file((files["before"],), tmp_path / "a.laz", voxel_m=1.0, reading=reading)
    store = tmp_path / "stores" / "before.laz.tiles"
    assert sx.TiledScan.open(store).n_points == 20_000
    assert thin_file((store,), tmp_path / "b.laz", voxel_m=1.0) == first
    with pytest.raises(ParameterError, match="crs cannot be stated of a store"):
        thin_file((store,), tmp_path / "c.laz", voxel_m=1.0, reading=Reading(crs="EPSG:4547"))


def test_what_is_known_of_a_scan_goes_with_it(files: dict[str, Path], tmp_path: Path) -> None:
    places = ((EAST, NORTH, 910.0),)
    reading = Reading(stations=places, range_sigma_m=0.005, epoch="2026-03-15T10:00:00+08:00", in_memory_points=500)
    convert_file((files["before"],), tmp_path / "a.laz", reading=reading)
    moved = sx.read_scan(tmp_path / "a.laz")
    assert moved.stations is not None
    assert moved.stations.tolist() == [list(places[0])]
    assert (moved.range_sigma_m, moved.registration_sigma_m) == (0.005, 0.0)
    assert moved.epoch is not None
    assert "intensity" in moved.attribute_names


def test_control_points_place_a_local_cloud(files: dict[str, Path], tmp_path: Path) -> None:
    local = np.asarray(sx.read_scan(files["before"]).xyz) - [EAST, NORTH, 0.0]
    sx.write_scan(sx.Scan(local), tmp_path / "local.ply")
    corners = np.array([[0.0, 0.0, 900.0], [40.0, 0.0, 901.0], [0.0, 40.0, 902.0], [40.0, 40.0, 905.0]])
    table = pd.DataFrame(corners, columns=["x", "y", "z"])
    table[["target_x", "target_y", "target_z"]] = corners + np.array([EAST, NORTH, 0.0])
    table.to_csv(tmp_path / "control.csv", index=False)
    figures = convert_file(
        (tmp_path / "local.ply",),
        tmp_path / "placed.laz",
        reading=TILED,
        control=str(tmp_path / "control.csv"),
        to_crs="EPSG:4547",
    )
    assert figures["control_rms_m"] < 1e-6
    assert json.loads((tmp_path / "placed_placement.json").read_text(encoding="utf-8"))["method"] == "space"
    assert same_points(tmp_path / "placed.laz", files["before"])


def test_removed_points_are_kept_beside(files: dict[str, Path], tmp_path: Path) -> None:
    figures = clean_file((files["stray"],), tmp_path / "clean.laz", removed=True)
    removed = sx.read_scan(tmp_path / "clean_removed.laz")
    assert figures["kept"] + removed.n_points == figures["points"] == 20_003
    assert (removed.xyz[:, 2] > 925.0).sum() == 3
    assert set(removed.attributes["reason"]) <= {1, 2}


def test_ground_alone(files: dict[str, Path], tmp_path: Path) -> None:
    figures = ground_file((files["stray"],), tmp_path / "bare.laz", only_ground=True)
    bare = sx.read_scan(tmp_path / "bare.laz")
    assert bare.n_points == figures["ground"] > 10_000
    assert set(bare.attributes["classification"]) == {2}
    assert bare.bounds().zmax < 925.0


def test_registration_undoes_a_known_motion(files: dict[str, Path], tmp_path: Path) -> None:
    shift = np.array([0.12, -0.08, 0.05])
    moving = sx.read_scan(files["before"])
    sx.write_scan(scan(np.asarray(moving.xyz) + shift), tmp_path / "moving.laz")
    figures = register_file((tmp_path / "moving.laz", files["before"]), tmp_path / "fitted.laz")
    assert figures["shift_m"] == pytest.approx(np.linalg.norm(shift), abs=1e-3)
    fitted = sx.read_scan(tmp_path / "fitted.laz")
    assert np.abs(fitted.xyz - moving.xyz).max() < 2e-3
    assert fitted.registration_sigma_m == pytest.approx(figures["sigma_m"])
    assert sx.Registration.read(tmp_path / "fitted_registration.json").converged
    assert len(gpd.read_file(tmp_path / "fitted_residuals.gpkg"))


def test_a_fit_that_failed_is_not_written(files: dict[str, Path], tmp_path: Path) -> None:
    for seed, name in ((5, "a"), (6, "b")):
        rng = np.random.default_rng(seed)
        height = 900.0 + rng.normal(0.0, 0.004, 20_000)
        level = np.column_stack([rng.uniform(0, 40, (20_000, 2)) + CORNER, height])
        sx.write_scan(scan(level), tmp_path / f"{name}.laz")
    with pytest.raises(GeometryError, match="did not converge"):
        register_file((tmp_path / "a.laz", tmp_path / "b.laz"), tmp_path / "fitted.laz")
    assert {path.name for path in tmp_path.iterdir()} == {"a.laz", "b.laz"}


def test_stations_become_one_scan(files: dict[str, Path], tmp_path: Path) -> None:
    places = ((EAST, NORTH, 930.0), (EAST + 40.0, NORTH, 930.0))
    figures = register_stations_file(
        (files["before"], files["stray"]), tmp_path / "all.laz", reading=Reading(stations=places)
    )
    joined = sx.read_scan(tmp_path / "all.laz")
    assert figures["stations"] == 2
    assert joined.n_points == figures["points"] == 40_003
    assert joined.stations is not None
    assert joined.stations == pytest.approx(np.array(places), abs=5e-3)
    assert len(json.loads((tmp_path / "all_network.json").read_text(encoding="utf-8"))["stations"]) == 2


def test_volumes_of_a_known_change(files: dict[str, Path], tmp_path: Path) -> None:
    pair = (files["before"], files["after"])
    whole = volume_file(pair, tmp_path / "all.csv", cell_m=0.5)
    # 10 m x 10 m raised by 0.5 m.
    assert whole["net_m3"] == pytest.approx(50.0, abs=3 * max(whole["sigma_m3"], 1.0))
    assert whole["common_sigma_m"] == pytest.approx(0.002)
    assert (tmp_path / "all_difference.tif").is_file()
    inside = volume_file(pair, tmp_path / "in.gpkg", cell_m=0.5, polygons=str(files["raised"]))
    assert gpd.read_file(tmp_path / "in.gpkg")["net_m3"].tolist() == pytest.approx([inside["net_m3"]])
    assert inside["fill_m3"] == pytest.approx(50.0, abs=3.0)
    bands = volume_file(pair, tmp_path / "b.csv", cell_m=0.5, benches_m=(880.0, 900.0, 930.0))
    assert pd.read_csv(tmp_path / "b.csv")["net_m3"].sum() == pytest.approx(bands["net_m3"], abs=1e-6)


def test_rasters_of_local_coordinates_are_compared(files: dict[str, Path], tmp_path: Path) -> None:
    for name in ("before", "after"):
        local = np.asarray(sx.read_scan(files[name]).xyz) - [EAST, NORTH, 0.0]
        sx.write_scan(sx.Scan(local), tmp_path / f"{name}.laz")
        grid_file((tmp_path / f"{name}.laz",), tmp_path / f"{name}.tif", cell_m=0.5, max_gap_m=2.0)
    found = volume_file((tmp_path / "before.tif", tmp_path / "after.tif"), tmp_path / "v.csv")
    assert found["net_m3"] == pytest.approx(50.0, abs=3.0)
    assert found["common_sigma_m"] == "unknown"
    with rioxarray.open_rasterio(tmp_path / "v_difference.tif") as difference:
        assert difference.rio.crs is None
    # A system that is stated holds for both.
    stated = volume_file(
        (tmp_path / "before.tif", tmp_path / "after.tif"), tmp_path / "w.csv", reading=Reading(crs="EPSG:4547")
    )
    assert stated["net_m3"] == pytest.approx(found["net_m3"])


def test_volumes_over_a_level_and_over_the_ground_of_a_heap(files: dict[str, Path], tmp_path: Path) -> None:
    over = volume_file((files["before"],), tmp_path / "level.csv", cell_m=1.0, level_m=890.0)
    assert over["fill_m3"] == pytest.approx(40.0 * 40.0 * 10.8, rel=0.05)
    xy = np.random.default_rng(3).uniform(0.0, 40.0, (20_000, 2))
    heap = np.where((np.abs(xy - 20.0) < 5.0).all(axis=1), 2.0, 0.0)
    sx.write_scan(scan(np.column_stack([xy + CORNER, 900.0 + 0.05 * xy[:, 0] + heap])), tmp_path / "heap.laz")
    on_ground = volume_file((tmp_path / "heap.laz",), tmp_path / "heap.gpkg", cell_m=0.5, base=str(files["raised"]))
    assert on_ground["fill_m3"] == pytest.approx(200.0, rel=0.03)
    with pytest.raises(ParameterError, match="BEFORE and AFTER; or one surface"):
        volume_file((files["before"],), tmp_path / "x.csv", cell_m=1.0)


def test_a_mesh_is_checked_and_options_of_others_refused(files: dict[str, Path], tmp_path: Path) -> None:
    figures = mesh_file((files["before"],), tmp_path / "t.ply", cell_m=0.5, max_error_m=0.1, max_gap_m=3.0)
    assert figures["holes"] == 0
    assert is_mesh(tmp_path / "t.ply")
    heights = sx.read_mesh(tmp_path / "t.ply").vertices
    assert np.abs(relief(heights[:, 0] - EAST, heights[:, 1] - NORTH) - heights[:, 2]).max() < 0.25
    for options in ({"cell_m": None}, {"cell_m": 1.0, "spacing_m": 1.0}, {"method": "clay"}):
        with pytest.raises(ParameterError):
            mesh_file((files["before"],), tmp_path / "u.ply", **options)
    assert not (tmp_path / "u.ply").exists()


def test_change_into_a_folder_and_back(files: dict[str, Path], tmp_path: Path) -> None:
    figures = change_folder(
        (files["before"], files["after"]),
        tmp_path / "change",
        normal_radius_m=1.5,
        cylinder_radius_m=0.8,
        max_depth_m=2.0,
        core_spacing_m=1.0,
    )
    result = ComparisonResult.open(tmp_path / "change").m3c2()
    assert len(result) == figures["core_points"]
    assert int(result.significant.sum()) == figures["significant"]
    raised = (np.abs(result.core_points[:, :2] - [EAST + 20.0, NORTH + 20.0]) < 3.5).all(axis=1)
    up = result.distance / result.normals[:, 2]
    assert np.nanmedian(up[raised]) == pytest.approx(0.5, abs=0.02)
    assert result.significant[raised].all()
    page = view_file((tmp_path / "change" / "change.laz", tmp_path / "change" / "mesh.ply"), tmp_path / "p.html")
    assert page["items"] == 2


def test_outputs_are_planned_before_anything_is_read(tmp_path: Path) -> None:
    inputs = [tmp_path / "a" / "s.laz", tmp_path / "b" / "s.laz"]
    with pytest.raises(ParameterError, match="two inputs would be written to"):
        planned_outputs(inputs, tmp_path / "out", ".laz")
    with pytest.raises(ParameterError, match="over itself"):
        planned_outputs(inputs[:1], tmp_path / "a", ".laz")
    with pytest.raises(ParameterError, match="2 inputs for the one file"):
        planned_outputs(inputs, tmp_path / "all.laz", ".laz", known=(".laz",))
    with pytest.raises(ParameterError, match=r"\.docx cannot be written"):
        planned_outputs(inputs, tmp_path / "out", ".docx", known=(".laz",))


def test_a_changed_side_file_or_job_is_done_again(files: dict[str, Path], tmp_path: Path) -> None:
    polygons = tmp_path / "p.gpkg"
    polygons.write_bytes(files["raised"].read_bytes())
    parameters = {"reading": Reading(), "cell_m": 1.0, "polygons": str(polygons)}
    task = ScanTask((files["before"], files["after"]), tmp_path / "v.csv", parameters)

    def states() -> list[str]:
        return [outcome.state for outcome in run_batch(FileJob(volume_file), [task], resume=True)]

    assert states() + states() == ["done", "kept"]
    wider = gpd.read_file(polygons)
    wider.assign(geometry=wider.buffer(2.0)).to_file(polygons)
    assert states() == ["done"]
    other = ScanTask(task.inputs[:1], tmp_path / "v.csv", {"reading": Reading(), "cell_m": 1.0, "level_m": 900.0})
    assert [outcome.state for outcome in run_batch(FileJob(volume_file), [other], resume=True)] == ["done"]


def test_reports(files: dict[str, Path], tmp_path: Path) -> None:
    tasks = [
        ScanTask((path,), tmp_path / f"{path.stem}.laz", {"voxel_m": 2.0})
        for path in (files["before"], tmp_path / "absent.laz")
    ]
    outcomes = list(run_batch(FileJob(thin_file), tasks))
    assert [outcome.state for outcome in outcomes] == ["done", "failed"]
    table = pd.read_csv(write_report(outcomes, tmp_path / "r.csv"))
    assert table["points"].tolist()[0] == 20_000
    assert "there is no such file" in table["error"].tolist()[1]
    assert json.loads(write_report(outcomes, tmp_path / "r.json").read_text(encoding="utf-8"))[1]["state"] == "failed"
    with pytest.raises(ParameterError, match=r"r\.xls"):
        write_report(outcomes, tmp_path / "r.xls")


def test_polygons_that_are_none(files: dict[str, Path], tmp_path: Path) -> None:
    (tmp_path / "p.geojson").write_text("{}", encoding="utf-8")
    for path in (tmp_path / "p.geojson", tmp_path / "absent.gpkg"):
        with pytest.raises(FileFormatError, match="polygon"):
            volume_file((files["before"], files["after"]), tmp_path / "v.csv", cell_m=1.0, polygons=str(path))
