"""``sxrisk goaf subsidence``: files in, basins, grades and ranks out."""

from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import rasterio
import shapely
from scipy.special import erf

from sxrisk.cli import main

ROCK = "q=0.7,tan_beta=2.0,b=0.3,s_ratio=0"
EAST, NORTH = 512_000.0, 4_100_000.0


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SXRISK_LANG", "en")
    monkeypatch.setenv("COLUMNS", "160")
    goafs = gpd.GeoDataFrame(
        {"编号": ["G-1", "G-2", "G-3"], "采深(m)": [200.0, 60.0, 200.0], "采厚(m)": [3.0, 4.0, 3.0], "倾角(°)": 0.0,
         "采空区状态": ["垮落", "空洞", "未垮落"]},
        geometry=[shapely.box(EAST + dx, NORTH, EAST + dx + 500, NORTH + 500) for dx in (0, 3000, 6000)], crs=4547,
    )  # fmt: skip
    goafs.to_file(tmp_path / "goafs.gpkg")
    # One over the middle, one on the edge, one far away; all of brick.
    homes = [(245, 245), (-6, 245), (-900, 245)]
    houses = gpd.GeoDataFrame(
        {"编号": ["H-1", "H-2", "H-3"], "结构": "砖混"},
        geometry=[shapely.box(EAST + x, NORTH + y, EAST + x + 12, NORTH + y + 9) for x, y in homes], crs=4547,
    )  # fmt: skip
    houses.to_file(tmp_path / "houses.gpkg")
    return tmp_path


def run(files: Path, *more: str) -> int:
    return main(
        ["goaf", "subsidence", str(files / "goafs.gpkg"), "--objects", f"building:{files / 'houses.gpkg'}",
         "--as-of", "2026-06-30", "--out", str(files / "out"), *more]
    )  # fmt: skip


def test_basins_grades_and_files(files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(files, "--rock", ROCK, "--goaf", "G-2:roof_caves=yes,caving_angle_deg=60") == 0
    told = capsys.readouterr().out
    assert "depth below 30 times the thickness" in told
    assert "an open void carries its roof" in told
    out = files / "out"
    with rasterio.open(out / "subsidence_G-1.tif") as raster:
        assert raster.driver == "GTiff" and raster.crs.is_projected and raster.count == 9
        assert raster.descriptions[0] == "subsidence_mm [mm]"
        assert raster.read(1).max() == pytest.approx(2100.0, rel=1e-3)
    things = pd.read_csv(out / "subsidence_things.csv").set_index("id")
    # Over the middle of a wide panel the ground sinks evenly; on the edge it tilts by W0 / r.
    assert things["grade"].to_dict() == {"H-1": "I", "H-2": "IV"}
    assert things.loc["H-2", "tilt_mm_per_m"] == pytest.approx(21.0, rel=1e-3)
    zones = gpd.read_file(out / "subsidence_zones.gpkg").set_index("criterion")
    assert {"basin", "by_tilt", "by_curvature", "by_horizontal_strain", "dangerous_movement", "collapse"} <= set(
        zones.index
    )
    collapse = zones.loc["collapse"]
    side = 500 + 2 * 60 / np.tan(np.radians(60))
    corners = (4 - np.pi) * (60 / np.tan(np.radians(60))) ** 2
    assert collapse["area_m2"] == pytest.approx(side**2 - corners, rel=1e-3)
    d = np.linspace(0, 200, 20001)
    reach = d[np.flatnonzero(1050 * (1 - erf(np.sqrt(np.pi) * d / 100)) >= 10)[-1]]
    width = np.ptp(
        shapely.get_coordinates(gpd.GeoSeries([zones.loc["basin"].geometry], crs=4490).to_crs(4547)[0])[:, 0]
    )
    assert width == pytest.approx(500 + 2 * reach, rel=2e-3)
    ranking = pd.read_csv(out / "goaf_ranking.csv")
    assert ranking["goaf"].iloc[0] == "G-1" and "reason_zh" in ranking
    findings = gpd.read_file(out / "findings.geojson")
    assert findings.loc[findings["rule_id"] == "BD-GRADE", "colour"].value_counts().to_dict() == {"blue": 1, "red": 1}
    assert (out / "subsidence.png").stat().st_size > 20_000


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["--rock", "q"], "'q' is no declared value"),
        (["--rock", "beta=2"], "'beta' cannot be declared"),
        (["--rock", ROCK, "--goaf", "roof_caves=yes"], "names no goaf"),
        (["--rock", ROCK, "--goaf", "X:q=0.5"], "there is no goaf 'X'"),
        (["--rock", ROCK, "--objects", "houses.gpkg"], "names no kind"),
        (["--rock", ROCK, "--as-of", "yesterday"], "is no day"),
    ],
)
def test_what_was_typed_wrong_is_named(
    files: Path, more: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(files, *more) == 2
    assert message in capsys.readouterr().err
    assert not (files / "out").exists()


def test_without_parameters_nothing_is_computed_and_they_are_asked_for(
    files: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(files, "--rock", "q=0.7") == 0
    assert "tangent of the major influence angle" in capsys.readouterr().out
    assert not list((files / "out").glob("*.tif"))
