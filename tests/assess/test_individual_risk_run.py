"""Release scenarios of a project end as contours of individual risk in the run folder and on its map."""

from collections.abc import Callable
from pathlib import Path

import geopandas as gpd
import numpy as np
import pytest

from sxrisk.assess import Project, RunResult

LAYER = """
[layers.releases]
kind = "release_scenario"
path = "releases.csv"
crs = "EPSG:4490"
position_sigma_m = 1.0
"""


def test_contours_stand_at_the_limits_of_the_criteria(make_tiny: Callable[..., Path], tmp_path: Path) -> None:
    project = make_tiny(tmp_path / "county")
    mine = (project.parent / "mines.csv").read_text(encoding="utf-8").splitlines()[2].split(",")
    (project.parent / "releases.csv").write_text(
        "编号,名称,经度,纬度,频率(1/a),90%致死半径(m),50%致死半径(m),10%致死半径(m)\n"
        f"S1,储罐泄漏,{mine[2]},{mine[3]},1e-4,50,100,200\nS2,未知,{mine[2]},{mine[3]},,50,100,200\n",
        encoding="utf-8",
    )
    project.write_text(project.read_text(encoding="utf-8") + LAYER, encoding="utf-8")
    result = Project.open(project).run(tmp_path / "out")
    assert isinstance(result, RunResult)
    zones = gpd.read_file(result.out / "region" / "individual_risk.gpkg").set_index("level_per_year")
    assert {3e-5, 1e-5, 3e-6} <= set(zones.index)
    # 1e-4 a year times 10 % at 200 m; the scenario without a frequency is not in it.
    assert np.sqrt(zones.loc[1e-5, "area_m2"] / np.pi) == pytest.approx(200.0, rel=0.005)
    assert set(zones["scenarios"]) == {1}
    assert "个人风险等值区" in "".join(path.read_text(encoding="utf-8") for path in (result.out / "data").glob("*.js"))
    assert "individual_risk_zone" in "".join(
        p.read_text(encoding="utf-8") for p in (result.out / "data").glob("layer-*.js")
    )
