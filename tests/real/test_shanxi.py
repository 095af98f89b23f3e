"""The main job on Shanxi's real data, as far as they are public."""

import json
import warnings
from pathlib import Path

import geopandas as gpd
import pytest
import rioxarray

from sxrisk.assess import Project, RunResult


@pytest.fixture(scope="module")
def result(shared_data: Path, repository: Path, tmp_path_factory: pytest.TempPathFactory) -> RunResult:
    project = Project.open(repository / "tests" / "real" / "shanxi.toml", allow=[shared_data])
    # Names of places come in many scripts: where a page shows one that the shipped font lacks, it says so.
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="the shipped font has no glyph")
        run = project.run(tmp_path_factory.mktemp("shanxi") / "out")
    assert isinstance(run, RunResult)
    return run


def test_every_row_is_used_filtered_or_rejected(result: RunResult) -> None:
    layers = result.manifest["layers"]
    assert {key: layer["rows_used"] for key, layer in layers.items() if key in ("counties", "coal_pits", "places")} == {
        "counties": 117,
        "coal_pits": 19,
        "places": 305,
    }
    for layer in layers.values():
        assert layer["rows_read"] == layer["rows_filtered"] + layer["rows_used"] + layer["rows_rejected"]


def test_counties_cover_the_province(result: RunResult) -> None:
    counties = gpd.read_file(result.out / "layers.gpkg", layer="counties")
    assert counties.to_crs("ESRI:102025").area.sum() / 1e6 == pytest.approx(156_666, rel=0.01)


def test_lines_that_are_good_to_kilometres_never_give_a_violation(result: RunResult) -> None:
    findings = result.findings()
    assert len(findings) > 0
    assert set(findings["status"]) == {"too_close_to_call"}
    assert set(findings["colour"]) == {"blue"}
    assert findings["reasons"].str.contains("coarse_geometry").all()
    assert (findings["uncertainty"] > findings["required"]).all()


def test_findings_lie_in_counties_of_shanxi(result: RunResult) -> None:
    findings = result.findings()
    west, south, east, north = findings.total_bounds
    assert 110.0 < west < east < 115.0
    assert 34.4 < south < north < 40.9
    assert (findings["county"] != "").mean() > 0.95


def test_what_could_not_be_checked_is_told(result: RunResult) -> None:
    reasons = {(row["rule_id"], row["reason"]) for row in result.manifest["not_applied"]}
    assert ("T-OH", "layer_missing:tailings_pond") in reasons
    assert ("P-33", "attribute_missing:is_tunnel") in reasons
    assert ("PLAN-800", "attribute_missing:ground_pressure_monitoring") in reasons


def test_heatmap_holds_the_weight_of_the_findings(result: RunResult) -> None:
    with rioxarray.open_rasterio(result.out / "region" / "heatmap.tif", masked=True) as density:
        cell_km2 = abs(density.rio.resolution()[0] * density.rio.resolution()[1]) / 1e6
        total = float(density.sum()) * cell_km2
    assert total == pytest.approx(0.5 * len(result.findings()), rel=0.02)


def test_real_scan_becomes_a_site(result: RunResult) -> None:
    summary = json.loads((result.out / "sites" / "coromandel" / "summary.json").read_text(encoding="utf-8"))
    assert "2193" in json.dumps(summary)
    assert (result.out / "sites" / "coromandel" / "scene.html").is_file()
