"""A caved panel of a project ends as a basin, as graded things in the one list of findings, and on the map."""

import json
from collections.abc import Callable
from pathlib import Path

import geopandas as gpd
import pandas as pd
import pytest
import shapely
from pyproj import Transformer

from sxrisk.assess import Project, RunResult
from sxrisk.errors import InputError

PART = """
[layers.goafs]
kind = "goaf"
path = "goafs.gpkg"
position_sigma_m = 1.0
[subsidence.values]
q = 0.7
tan_beta = 2.0
b = 0.3
s_ratio = 0.0
caving_angle_deg = 60.0
[subsidence.ranking]
tilt_mm_per_m = 1.0
"""


def with_goafs(project: Path, part: str = PART) -> Path:
    pipe = gpd.read_file(project.parent / "pipes.gpkg")
    west, south, _, north = pipe.total_bounds
    middle = (south + north) / 2
    # The pipeline runs along the western edge of the first panel.
    shapes = [
        shapely.box(west, middle - 300, west + 400, middle + 300),
        shapely.box(west - 700, south, west - 600, south + 90),
    ]
    goafs = gpd.GeoDataFrame(
        {"编号": ["G-1", "G-2"], "采深(m)": [200.0, 50.0], "采厚(m)": [3.0, 4.0], "倾角(°)": 0.0, "采空区状态": "垮落"},
        geometry=shapes, crs=pipe.crs,
    )  # fmt: skip
    goafs.to_file(project.parent / "goafs.gpkg")
    project.write_text(project.read_text(encoding="utf-8") + part, encoding="utf-8")
    return project


def test_a_goaf_reaches_the_list_the_map_and_the_report(make_tiny: Callable[..., Path], tmp_path: Path) -> None:
    project = with_goafs(make_tiny(tmp_path / "county"))
    result = Project.open(project).run(tmp_path / "out")
    assert isinstance(result, RunResult)
    found = result.findings()
    pipe = found[(found["rule_id"] == "GOAF-MOVE") & (found["object_kind"] == "pipeline")].iloc[0]
    assert (pipe["subject_id"], pipe["object_id"], pipe["result"], pipe["colour"]) == (
        "G-1",
        "P1",
        "dangerous",
        "yellow",
    )
    # Along the edge of a wide panel the tilt is W0 / r.
    assert json.loads(pipe["details"])["tilt"] == pytest.approx(21.0, rel=5e-3)
    assert "GS-SITE" in set(found["rule_id"])
    folder = result.out / "region" / "subsidence"
    assert (folder / "subsidence_G-1.tif").is_file() and (result.out / "region" / "subsidence.png").is_file()
    zones = gpd.read_file(folder / "subsidence_zones.gpkg")
    assert {"basin", "dangerous_movement"} <= set(zones.loc[zones["name"] == "G-1", "criterion"])
    assert set(zones.loc[zones["name"] == "G-2", "criterion"]) == {"collapse"}
    ranking = pd.read_csv(folder / "goaf_ranking.csv")
    assert ranking["goaf"].tolist() == ["G-1", "G-2"]
    assert ranking["reason_en"].iloc[0].startswith("greatest tilt: 2")
    page = "".join(path.read_text(encoding="utf-8") for path in (result.out / "data").glob("layer-*.js"))
    assert "subsidence_zone" in page
    back = Transformer.from_crs(gpd.read_file(project.parent / "pipes.gpkg").crs, 4490, always_xy=True)
    assert back.transform(*gpd.read_file(project.parent / "pipes.gpkg").total_bounds[:2])[0] == pytest.approx(
        pipe["geometry"].centroid.x, abs=1e-4
    )


def test_without_the_part_the_parameters_are_asked_for(make_tiny: Callable[..., Path], tmp_path: Path) -> None:
    project = with_goafs(make_tiny(tmp_path / "county"), PART.partition("[subsidence")[0])
    result = Project.open(project).run(tmp_path / "out")
    assert isinstance(result, RunResult)
    gaps = pd.DataFrame(result.manifest["not_applied"])
    reasons = gaps[(gaps["rule_id"] == "BD-GRADE") & (gaps["subject_id"] == "G-1")]["reason"]
    assert reasons.isin(["value_not_given:q"]).all()
    told = gaps[(gaps["rule_id"] == "GO-SITE") | (gaps["rule_id"] == "GOAF-MOVE")]
    assert "value_not_given:q" in set(told["reason"])
    assert not list((result.out / "region").rglob("*.tif")) or not (result.out / "region" / "subsidence.png").exists()


@pytest.mark.parametrize(
    ("part", "message"),
    [
        ("[subsidence.values]\nbeta = 2.0\n", "'beta' cannot be declared"),
        ("[subsidence.ranking]\nbeauty = 2.0\n", "'beauty' is no criterion"),
        ('[subsidence]\nmovement = "someday"\n', "subsidence.movement"),
        ("[subsidence]\ncells = 5.0\n", "unknown key"),
    ],
)
def test_mistakes_in_the_project_file_are_named(
    part: str, message: str, make_tiny: Callable[..., Path], tmp_path: Path
) -> None:
    project = make_tiny(tmp_path / "county")
    project.write_text(project.read_text(encoding="utf-8") + "\n" + part, encoding="utf-8")
    with pytest.raises(InputError, match=message):
        Project.open(project)
