"""The shipped sample's sites, measured as a run measures them and held against the truth behind them."""

import json
import tomllib
from functools import cache
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pytest
from shapely import contains_xy

from sxrisk.scans import read_scan
from sxrisk.sites import SiteResult, measure_site

# Coarser than the project's own, to be quick.
CORE_SPACING_M = 2.0


@pytest.fixture(scope="module")
def truth(sample: Path) -> dict[str, Any]:
    path = sample / "scans" / "truth.json"
    if not path.is_file():
        pytest.skip("the sample has not been made: python -m sxrisk.sample")
    return json.loads(path.read_text(encoding="utf-8"))["sites"]


def feature_of(root: Path, name: str) -> tuple[gpd.GeoDataFrame, Any]:
    project = tomllib.loads((root / "county.toml").read_text(encoding="utf-8"))
    site = project["sites"][name]
    layer = gpd.read_file(root / project["layers"][site["layer"]]["path"])
    return layer, layer.drop(columns="geometry").astype(str).eq(site["feature"]).any(axis=1)


def outline_of(root: Path, name: str) -> Any:
    layer, is_it = feature_of(root, name)
    return layer[is_it].to_crs(4547).geometry.iloc[0]


@cache
def measured(root: Path, name: str) -> SiteResult:
    project = tomllib.loads((root / "county.toml").read_text(encoding="utf-8"))
    site = project["sites"][name]
    epochs = [
        [
            read_scan(root / file["path"], epoch=epoch["date"], stations=[file["station"]], crs=site["crs"],
                      vertical_crs=site["vertical_crs"], range_sigma_m=site["range_sigma_m"])
            for file in epoch["scans"]
        ]
        for epoch in site["epochs"]
    ]  # fmt: skip
    layer, is_it = feature_of(root, name)
    change = {**site["change"], "core_spacing_m": CORE_SPACING_M} if "change" in site else None
    return measure_site(
        site["kind"],
        epochs,
        site_id=name,
        outline=layer.geometry[is_it].iloc[0],
        outline_crs=layer.crs,
        change_parameters=change,
    )


def value(result: SiteResult, metric: str) -> tuple[float, float, str]:
    rows = result.measurements[result.measurements["metric"] == metric].sort_values("epoch", kind="stable")
    return float(rows["value"].iloc[-1]), float(rows["sigma"].iloc[-1]), str(rows["method"].iloc[-1])


def body_near(result: SiteResult, place: Any, kind: str) -> dict[str, Any]:
    found = [b for b in result.summary["change"]["bodies"] if b["kind"] == kind]
    return min(found, key=lambda b: float(np.hypot(b["centre"][0] - place[0], b["centre"][1] - place[1])))


@pytest.mark.parametrize("name", ["pit-01", "dump-01"])
def test_misregistration_is_found(sample: Path, truth: dict[str, Any], name: str) -> None:
    """The second epoch is off by 15 mm and 0.2 mrad; what is left after registration is under 1 mm and 0.1 mrad."""
    report = measured(sample, name).summary["epochs"][1]["registration"]
    record = truth[name]["misregistration"]
    made = np.array(record["matrix_about_centre"])
    assert abs(report["rotation_mrad"] - record["angle_rad"] * 1e3) < 0.1
    # The origin of the fit, taken through the error and back through the fit, returns to itself.
    origin, centre = np.array(report["origin"]), np.array(record["centre"])
    wrong = centre + made[:3, :3] @ (origin - centre) + made[:3, 3]
    assert np.abs(wrong - origin + np.array(report["translation_m"])).max() < 1e-3
    assert report["sigma_m"] < 1e-3


def test_moving_patch(sample: Path, truth: dict[str, Any]) -> None:
    result, patch = measured(sample, "pit-01"), truth["pit-01"]["moving_patch"]
    middle = np.mean(patch["outer_polygon"], axis=0)
    body = body_near(result, middle, "movement")
    assert np.hypot(*(np.array(body["centre"][:2]) - middle)) < 2.0
    assert result.change is not None
    assert abs(body["mean_m"] - patch["length_m"]) < np.nanmedian(result.change.lod95)
    assert body["area_m2"] == pytest.approx(np.prod(patch["size_on_slope_m"]) * patch["normal"][2], rel=0.15)
    rate, sigma, _ = value(result, "displacement_rate")
    assert rate == pytest.approx(40.0 / 92.0, abs=0.03)
    assert 0.0 < sigma < 0.05
    # Nothing else creeps or fell than was made to.
    found = {(b["kind"], b["class"]) for b in result.summary["change"]["bodies"]}
    assert found == {("gain", "deposit"), ("loss", "rockfall"), ("movement", "heave")}
    assert len(result.summary["change"]["bodies"]) == 3


def test_rockfall(sample: Path, truth: dict[str, Any]) -> None:
    result, fall = measured(sample, "pit-01"), truth["pit-01"]["rockfall"]
    deposit = body_near(result, fall["scar_middle"], "gain")
    assert deposit["volume_m3"] == pytest.approx(fall["net_added_m3"], rel=0.10)
    scar = body_near(result, fall["scar_middle"], "loss")
    assert scar["volume_m3"] == pytest.approx(-fall["net_removed_m3"], rel=0.10)
    # Both were seen, rims and all: nothing of note was spanned.
    for body in (deposit, scar):
        assert body["volume_sigma_m3"] < 0.1 * abs(body["volume_m3"])


def test_pit_floor(sample: Path, truth: dict[str, Any]) -> None:
    level, _, _ = value(measured(sample, "pit-01"), "floor_level")
    assert level == pytest.approx(truth["pit-01"]["floor_height_m"], abs=0.15)


@pytest.mark.parametrize("epoch", [0, 1])
def test_dump_height(sample: Path, truth: dict[str, Any], epoch: int) -> None:
    rows = measured(sample, "dump-01").measurements.sort_values("epoch", kind="stable")
    height = rows[rows["metric"] == "stack_height"].iloc[epoch]
    assert height["method"] == "platform_to_lowest_toe"
    assert height["value"] == pytest.approx(truth["dump-01"]["stack_height_m"][epoch], abs=0.3)
    crest = rows[rows["metric"] == "crest_level"].iloc[epoch]
    assert crest["value"] == pytest.approx(truth["dump-01"]["crest_height_m"], abs=0.1)


def test_dump_growth(sample: Path, truth: dict[str, Any]) -> None:
    result = measured(sample, "dump-01")
    growth, _, method = value(result, "volume_growth")
    assert method == "grid_difference"
    assert growth == pytest.approx(truth["dump-01"]["growth_m3"], rel=0.02)
    # Lone sweeps on the terrace's slope tell no loss: the heap grew, at one place, and that is all.
    (body,) = result.summary["change"]["bodies"]
    assert (body["id"], body["kind"], body["class"]) == ("B1", "gain", "deposit")
    # Less what no epoch saw of it.
    assert body["volume_m3"] == pytest.approx(truth["dump-01"]["growth_m3"], rel=0.05)


def test_dump_volume(sample: Path, truth: dict[str, Any]) -> None:
    """The ground below was never seen: the volume is right within what it says about itself, and grows as the heap."""
    rows = measured(sample, "dump-01").measurements.sort_values("epoch", kind="stable")
    volume = rows[rows["metric"] == "volume"]
    made = np.array(truth["dump-01"]["volume_above_natural_ground_m3"])
    assert (np.abs(volume["value"].to_numpy() - made) < volume["sigma"].to_numpy()).all()
    assert np.diff(volume["value"].to_numpy())[0] == pytest.approx(truth["dump-01"]["growth_m3"], rel=0.02)


def test_tailings_pond(sample: Path, truth: dict[str, Any]) -> None:
    result, made = measured(sample, "tailings-01"), truth["tailings-01"]
    for metric, known, limit in (
        ("crest_level", made["crest_height_m"], 0.1),
        ("water_level", made["water_height_m"], 0.1),
        ("freeboard", made["freeboard_m"], 0.15),
        ("beach_length", made["beach_length_m"], 6.0),
        ("water_area", made["water_area_m2"], 0.06 * made["water_area_m2"]),
    ):
        assert value(result, metric)[0] == pytest.approx(known, abs=limit), metric


def test_goaf(sample: Path, truth: dict[str, Any]) -> None:
    result, made = measured(sample, "goaf-01"), truth["goaf-01"]
    low, high = value(result, "volume_low")[0], value(result, "volume_high")[0]
    assert low <= made["volume_m3"] <= high
    assert value(result, "volume")[0] == pytest.approx(made["volume_m3"], rel=0.01)
    # The truth tells the roof above the room's middle; its highest place is a little higher.
    assert -0.05 < value(result, "roof_level")[0] - made["roof_height_m"] < 0.6
    assert result.mesh.is_watertight
    assert "seen" in result.mesh.vertex_fields
    # One epoch: nothing to compare.
    assert "change" not in result.summary


# The dump's terrace hides from stations below it, and water gives no return.
@pytest.mark.parametrize(
    ("name", "margin_m", "least"), [("pit-01", 30.0, 0.97), ("dump-01", 40.0, 0.75), ("tailings-01", 30.0, 0.5)]
)
def test_scene_shows_the_site_and_little_else(
    sample: Path, truth: dict[str, Any], name: str, margin_m: float, least: float
) -> None:
    result, inside = measured(sample, name), outline_of(sample, name)
    shown = inside.buffer(margin_m + 2.0 * result.summary["cell_m"])
    for mesh in (result.mesh, *result.extra_meshes.values()):
        x, y = mesh.vertices[:, 0], mesh.vertices[:, 1]
        assert contains_xy(shown, x, y).all()
    mesh = result.mesh
    a, b, c = (mesh.vertices[mesh.faces[:, i], :2] for i in range(3))
    middle = (a + b + c) / 3.0
    plan = 0.5 * np.abs((b - a)[:, 0] * (c - a)[:, 1] - (b - a)[:, 1] * (c - a)[:, 0])
    assert plan[contains_xy(inside, middle[:, 0], middle[:, 1])].sum() > least * inside.area


@pytest.mark.parametrize("name", ["pit-01", "dump-01", "tailings-01", "goaf-01"])
def test_scene_is_small_enough(sample: Path, truth: dict[str, Any], name: str) -> None:
    mesh = measured(sample, name).mesh
    assert 5_000 < len(mesh.faces) <= 151_000
    assert np.isfinite(mesh.vertices).all()
