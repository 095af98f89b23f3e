"""The shipped sample's layers against the truth that is written beside them."""

import json
import tomllib
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import shapely

from sxrisk.crs import geodesic_distance_m
from sxrisk.layers import LoadedLayer, load_layer, read_dem

# What the truth says of a bad row, and how the reader answers: a reason (rejected) or the code of an issue (kept).
ANSWERS = {
    "longitude and latitude are swapped": "swapped_latitude_longitude",
    "coordinates are empty": "coordinates_missing",
    "latitude is empty": "coordinates_missing",
    "text in a coordinate": "coordinates_not_numbers",
    "1000 km outside the county": "outside_region",
    "text in a number": "number_not_usable",
    "negative depth": "number_not_usable",
}
COUNTED = {
    "buildings", "villages", "schools", "pipelines", "roads", "pits", "quarries", "blasting", "dumps", "goafs",
    "tailings", "hospitals", "townships",
}  # fmt: skip


def truth(root: Path, name: str) -> dict:
    return json.loads((root / "sample_data" / "truth" / f"{name}.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def layers(sample: Path) -> dict[str, LoadedLayer]:
    if not (sample / "county.toml").exists():
        pytest.skip("the sample is absent: make it with python -m sxrisk.sample")
    project = tomllib.loads((sample / "county.toml").read_text(encoding="utf-8"))

    def load(key: str, **keywords: object) -> LoadedLayer:
        entry = project["layers"][key]
        return load_layer(
            sample / entry["path"], kind=entry["kind"], crs=entry.get("crs"), name=key,
            position_sigma_m=entry.get("position_sigma_m"), **keywords,
        )  # fmt: skip

    boundary = load(project["region"]["boundary"])
    region = shapely.union_all(boundary.frame.geometry.to_numpy())
    return {key: load(key, region=region) for key in project["layers"]}


def test_every_layer_is_whole(layers: dict[str, LoadedLayer], sample: Path) -> None:
    features = truth(sample, "counts")["features"]
    for key, loaded in layers.items():
        report = loaded.report
        assert report.rows_read == report.rows_filtered + report.rows_used + report.rows_rejected
        assert shapely.is_valid(loaded.frame.geometry.to_numpy()).all()
        assert loaded.frame.crs.to_epsg() == 4490
        if key in COUNTED:
            assert (report.rows_used, report.rows_rejected) == (features[key], 0), key
    assert layers["enterprises"].report.rows_read == features["enterprises"]


def test_every_planted_bad_row_is_found(layers: dict[str, LoadedLayer], sample: Path) -> None:
    loaded = layers["enterprises"]
    reasons = dict(zip(loaded.rejects["source_row"], loaded.rejects["reason"], strict=True))
    issues = {row: issue.code for issue in loaded.report.issues for row in issue.rows}
    expected_rejects = set()
    for bad in truth(sample, "enterprises")["bad_rows"]:
        if "stands in row" in bad["what"]:
            # Both rows of a repeated id stay: each gets a mark of its own name and place.
            assert issues[bad["row"]] == "duplicate_id"
            assert sum(name.startswith(f"{bad['id']}#") for name in loaded.frame["id"]) == 2
            continue
        answer = ANSWERS[bad["what"]]
        if bad["row_rejected"]:
            expected_rejects.add(bad["row"])
            assert reasons[bad["row"]] == answer
        else:
            assert issues[bad["row"]] == answer
    assert set(reasons) == expected_rejects


def test_deep_mines_keep_their_depth(layers: dict[str, LoadedLayer], sample: Path) -> None:
    frame = layers["enterprises"].frame.set_index("id")
    answers = {"是": True, "否": False}
    for mine in truth(sample, "enterprises")["deep_mines"]:
        row = frame.loc[mine["id"]]
        assert row["mining_depth_m"] == mine["depth_m"]
        assert row["industry"] == ("coal_mine" if mine["expected"] == "none: coal" else "non_coal_mine")
        assert row["source_row"] == mine["row"]
        monitored = row["ground_pressure_monitoring"]
        assert (None if monitored is pd.NA else bool(monitored)) == answers.get(mine["monitoring"])


def test_the_web_map_layer_lands_where_it_was(layers: dict[str, LoadedLayer], sample: Path) -> None:
    frame = layers["hospitals"].frame.set_index("id")
    for hospital in truth(sample, "hospitals")["hospitals"]:
        point = frame.geometry[hospital["id"]]
        # The file keeps as many decimals as its writer gave it.
        assert geodesic_distance_m(point.x, point.y, *hospital["lonlat_epsg4490"]) < 0.15
    assert (frame["crs_source"] == "gcj02").all()


def test_roads_have_their_class(layers: dict[str, LoadedLayer]) -> None:
    assert set(layers["roads"].frame["road_class"]) == {"national", "provincial", "county", "township"}


def test_elevation_model(layers: dict[str, LoadedLayer], sample: Path) -> None:
    dem = read_dem(sample / "sample_data" / "dem.tif", vertical_crs="EPSG:5737")
    assert dem.attrs["vertical_crs"] == "EPSG:5737"
    assert np.isfinite(dem.to_numpy()).mean() > 0.5
    assert 300 < float(dem.mean()) < 3000
