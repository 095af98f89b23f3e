"""A measured goaf and the user's parameters: every method side by side, what is missing named, findings at the end."""

import datetime
import json
import math
from dataclasses import replace
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pyproj
import pytest
import shapely
import xarray as xr
from shapely import box

from sxrisk.errors import ParameterError
from sxrisk.findings import measurements_frame
from sxrisk.products.stability_chart import draw_stability_chart
from sxrisk.rules import apply_rules, load_catalogue
from sxrisk.sites.goafs.shape import CrownPillar, GoafFace, GoafShape, VolumeInterval
from sxrisk.sites.stability import (
    METHODS,
    STABILITY_COLUMNS,
    StabilityParameters,
    goaf_stability,
    lunder_pakalnis_mpa,
    stability_probability,
    stability_problems,
)
from sxrisk.surfaces import Mesh

CRS = pyproj.CRS("EPSG:4547")
EAST, NORTH = 400_000.0, 4_200_000.0
HEIGHT, DEPTH = 4.0, 90.0
DRAWS = 2_000
_ALL = load_catalogue()
CATALOGUE = replace(_ALL, rules={key: rule for key, rule in _ALL.rules.items() if key.startswith(("GR-", "PIL-"))})
# Two square pillars of 5 m, mirrored in a room of 25 by 40 m.
PILLARS = [box(10, 7.5, 15, 12.5), box(10, 27.5, 15, 32.5)]
ROCK: dict[str, Any] = {
    "mineral": "non_coal",
    "unit_weight_kn_m3": 26.0,
    "safety_factor": {"thickness_span": 1.2, "load_transfer": 1.0, "fixed_beam": 1.5, "protodyakonov": 1.5},
    "transfer_angle_deg": 32.0,
    "surface_load_kpa": 0.0,
    "allowed_tension_kpa": 900.0,
    "strength_coefficient": 6.0,
    "friction_angle_deg": 38.0,
    "rock_quality_q": 4.0,
    "foliation_dip_deg": 60.0,
    "cube_strength_mpa": 60.0,
    "in_situ_strength_mpa": 20.0,
    "hedley_grant_strength_mpa": 60.0,
    "ucs_mpa": {"distribution": "normal", "mean": 100.0, "sigma": 10.0},
    "bulking_factor": 1.25,
    "q_prime": 6.0,
    "factor_a": 0.8,
    "failure": "gravity",
    "faces": {"roof": {"joint_angle_deg": 30.0}, "wall": {"joint_angle_deg": 90.0}},
}


def placed(shape: Any) -> Any:
    return shapely.transform(shape, lambda xy: xy + np.array([EAST, NORTH]))


def raster(values: float, outline: Any) -> xr.DataArray:
    x, y = EAST + np.arange(0.25, 25, 0.5), NORTH + np.arange(39.75, 0, -0.5)
    inside = shapely.contains_xy(outline, *np.meshgrid(x, y))
    return xr.DataArray(np.where(inside, values, np.nan), coords={"y": y, "x": x}, dims=("y", "x"))


def face(
    name: str, outline: Any, area: float, perimeter: float, outer: float, dip: float, pillar: str = ""
) -> GoafFace:
    kind = name.partition("-")[0]
    return GoafFace(
        id=name, kind=kind, pillar_id=pillar, area_m2=area, area_sigma_m2=0.01 * area, perimeter_m=perimeter,
        outer_perimeter_m=outer, hydraulic_radius_m=area / perimeter, hydraulic_radius_outer_m=area / outer,
        dip_deg=dip, dip_sigma_deg=math.nan, dip_direction_deg=0.0, overhanging=kind == "roof", span_m=10.0,
        inscribed_centre=np.zeros(3), inscribed_radius_m=5.0, height_m=HEIGHT, measured_share=1.0, outline=outline,
        triangles=np.arange(1),
    )  # fmt: skip


@pytest.fixture(scope="module")
def shape() -> GoafShape:
    outline = placed(shapely.Polygon(box(0, 0, 25, 40).exterior, [pillar.exterior for pillar in PILLARS]))
    roof = face("roof-1", outline, outline.area, outline.length, 130.0, 0.0)
    walls = [
        face("wall-1", placed(box(0, 0, 0.1, 40)), 160.0, 88.0, 88.0, 90.0),
        face("wall-2", placed(PILLARS[0]), 20.0, 18.0, 18.0, 90.0, "P1"),
    ]
    pillars = gpd.GeoDataFrame(
        {
            "id": ["P1", "P2"], "width_m": 5.0, "length_m": 5.0, "least_width_m": 5.0, "height_m": HEIGHT,
            "plan_area_m2": 25.0, "width_sigma_m": math.nan,
        },
        geometry=[placed(pillar) for pillar in PILLARS],
    )  # fmt: skip
    volume = outline.area * HEIGHT
    return GoafShape(
        mesh=Mesh(np.eye(3), np.array([[0, 1, 2]])), crs=CRS, vertical_crs=None,
        volume=VolumeInterval(volume, volume, volume), sigma_m=math.nan, outline=outline, faces=(roof, *walls),
        pillars=pillars, height_m=raster(HEIGHT, outline), roof_level_m=raster(900.0, outline),
        floor_level_m=raster(900.0 - HEIGHT, outline), length_m=40.0, width_m=25.0, axis_deg=0.0,
    )  # fmt: skip


def crown(shape: GoafShape, thickness: float, above: str = "terrain") -> CrownPillar:
    grid = raster(thickness, shape.outline)
    return CrownPillar(grid, thickness, math.nan, np.zeros(3), above, thickness / 10.0, math.nan, 1.0)


def test_every_method_on_the_measured_geometry(shape: GoafShape) -> None:
    found = goaf_stability(shape, ROCK, crowns=[crown(shape, DEPTH)], draws=DRAWS)
    table = found.table.set_index(["topic", "method"]).sort_index()
    assert list(found.table.columns) == list(STABILITY_COLUMNS)
    for topic in ("roof", "pillar", "caving"):
        assert set(table.loc[topic].index) == set(METHODS[topic])
    left_out = found.table[~found.table["applied"]]
    assert dict(zip(left_out["method"], left_out["reason"], strict=True)) == {
        "rupeneit": "units_unresolved", "salamon_munro": "made_for_coal",
    }  # fmt: skip
    assert found.asked() == {}
    # 0.5 x 1.2 x 10; the rock above is all of 90 m.
    assert table.loc[("roof", "thickness_span"), ["value", "required"]].tolist() == [90.0, 6.0]
    # The room is the pillars' and the rock's around: by symmetry both pillars carry the same, and 26 x 90 = 2.34 MPa.
    lunder = table.loc[("pillar", "lunder_pakalnis")]
    assert lunder["required"].max() == pytest.approx(lunder["required"].min())
    assert lunder["value"].to_numpy() == pytest.approx(float(lunder_pakalnis_mpa(5, 4, ucs_mpa=100)))
    stress = float(lunder["required"].iloc[0])
    # Half the way to the side walls, to the ends and to each other: 15 m by 8.75 + 10 m hold it from above.
    assert 2.34 * (7.5 * 10) / 25 < stress < 2.34 * (15 * 17.5) / 25
    # The mean height of the void over the gain: 4 / 0.25.
    assert table.loc[("caving", "column"), "required"].item() == pytest.approx(16.0)
    assert table.loc[("caving", "column"), "ratio"].item() == pytest.approx(90 / 16)


def test_the_roof_is_also_judged_as_if_its_pillars_held_nothing(shape: GoafShape) -> None:
    found = goaf_stability(shape, ROCK, draws=DRAWS)
    faces = found.faces.set_index("face")
    # Walls of pillars are the pillars' own matter.
    assert faces.index.tolist() == ["roof-1", "roof-1/without-pillars", "wall-1"]
    # N' = 6 x 0.8 x 0.2 x 2 = 1.92 of the roof, 6 x 0.8 x 1 x 8 = 38.4 of the wall.
    assert faces.loc["roof-1", "n_prime"] == pytest.approx(1.92)
    assert faces.loc["wall-1", "n_prime"] == pytest.approx(38.4)
    area = shape.outline.area
    with_pillars = float(stability_probability(area / (130 + 40), 1.92))
    assert faces.loc["roof-1", "probability_stable"] == pytest.approx(with_pillars)
    without = faces.loc["roof-1/without-pillars", "probability_stable"]
    assert without == pytest.approx(float(stability_probability(area / 130, 1.92)))
    assert without < with_pillars
    worst = found.summary()["governing"]["graph"]
    assert worst["subject"] == "roof-1/without-pillars"
    assert worst["probability"] == pytest.approx(1.0 - without)


def test_nothing_is_invented_where_nothing_is_known(shape: GoafShape) -> None:
    found = goaf_stability(shape, {}, draws=DRAWS)
    assert not found.table["applied"].any()
    assert not found.table["governing"].any()
    assert found.table[["ratio", "probability"]].isna().all(axis=None)
    assert found.measurements("goaf", "G") == []
    asked = found.asked()
    everything = {name for group in METHODS.values() for method in group.values() for name in method.needs}
    surveyed = {"length_m", "goaf_height_m", "strike_length_m", "thickness_m", "seam_dip_deg", "factor_c", "area_m2",
                "perimeter_m"}  # fmt: skip
    assert set(asked) == (everything - surveyed) | {"depth_m", "failure"}
    assert asked["safety_factor"] == ["thickness_span", "load_transfer", "fixed_beam", "protodyakonov"]
    told = found.summary()["asked"]
    assert told["q_prime"]["instead"] == ["rqd", "joint_sets_jn", "joint_roughness_jr", "joint_alteration_ja"]
    assert told["ucs_mpa"]["unit"] == "MPa" and told["failure"]["zh"]


def test_what_a_result_is_held_against_is_asked_for(shape: GoafShape) -> None:
    found = goaf_stability(shape, {"safety_factor": 1.2, "bulking_factor": [1.2, 1.4]}, draws=DRAWS)
    assert found.asked()["available_m"] == ["thickness_span"]
    assert found.asked()["overburden_m"] == ["column", "paraboloid", "cone"]


def test_the_users_measure_counts_and_is_told(shape: GoafShape) -> None:
    above = [crown(shape, DEPTH)]
    own = ROCK | {"depth_m": 45.0, "span_m": 20.0, "thickness_m": 3.0, "seam_dip_deg": 60.0}
    one, two = (goaf_stability(shape, rock, crowns=above, draws=DRAWS) for rock in (ROCK, own))
    assert one.overruled == ()
    assert two.overruled == ("depth_m", "span_m", "thickness_m")
    assert two.pillars["stress_mpa"].to_numpy() == pytest.approx(one.pillars["stress_mpa"].to_numpy() / 2)
    assert two.roof.set_index("method").loc["thickness_span", "required_m"] == pytest.approx(12.0)
    # Across the seam 3 m, upright 6 m.
    assert two.caving.set_index("method").loc["column", "height_m"] == pytest.approx(24.0)


def test_the_thinnest_rock_counts_for_the_roof_and_the_ground_for_the_depth(shape: GoafShape) -> None:
    level, ground = crown(shape, 7.0, "upper level"), crown(shape, DEPTH)
    found = goaf_stability(shape, ROCK, crowns=[ground, level], draws=DRAWS)
    assert set(found.roof["available_m"]) == {7.0}
    alone = goaf_stability(shape, ROCK, crowns=[level], draws=DRAWS)
    assert set(alone.pillars["missing"]) == {"depth_m", ""}
    np.testing.assert_array_equal(
        found.pillars["stress_mpa"], goaf_stability(shape, ROCK, crowns=[ground], draws=DRAWS).pillars["stress_mpa"]
    )


def test_uncertain_measures_spread_the_result(shape: GoafShape) -> None:
    rough = replace(shape, sigma_m=0.2)
    table = goaf_stability(rough, ROCK, crowns=[crown(shape, DEPTH)], draws=40_000).roof.set_index("method")
    row = table.loc["thickness_span"]
    # Two walls: a span of 10 m with a sigma of 0.2 sqrt 2; the ratio's 90 % interval follows it.
    width = 0.6 * 2 * 1.645 * 0.2 * math.sqrt(2)
    assert row["required_p95_m"] - row["required_p05_m"] == pytest.approx(width, rel=0.03)
    assert row["ratio_p05"] < row["ratio"] < row["ratio_p95"]


def test_the_same_seed_gives_the_same_table(shape: GoafShape) -> None:
    above = [crown(shape, DEPTH)]
    one, two, other = (goaf_stability(shape, ROCK, crowns=above, draws=DRAWS, seed=seed) for seed in (3, 3, 4))
    pd.testing.assert_frame_equal(one.table, two.table)
    assert not one.pillars["fos_p05"].equals(other.pillars["fos_p05"])


def test_faces_that_do_not_exist_are_refused(shape: GoafShape) -> None:
    with pytest.raises(ParameterError, match=r"faces\.wall-9: the goaf has no face 'wall-9'; expected roof, wall"):
        goaf_stability(shape, {"faces": {"wall-9": {"failure": "sliding"}}})


def test_one_face_may_differ_from_its_kind(shape: GoafShape) -> None:
    faces = {"wall": {"joint_angle_deg": 90.0}, "wall-1": {"failure": "sliding", "joint_dip_deg": 90.0}}
    row = goaf_stability(shape, ROCK | {"faces": faces}, draws=DRAWS).faces.set_index("face").loc["wall-1"]
    assert (row["factor_b"], row["factor_c"]) == pytest.approx((1.0, 2.0))


def test_pillars_that_touch_have_no_share_and_say_so(shape: GoafShape) -> None:
    pair = [placed(box(10, 10, 12, 12)), placed(box(12, 12, 14, 14))]
    close = replace(shape, pillars=shape.pillars.set_geometry(pair))
    found = goaf_stability(close, ROCK, crowns=[crown(shape, DEPTH)], draws=DRAWS)
    assert not found.pillars["applied"].any()
    assert found.pillars["missing"].str.contains("bord_m").any()


def test_a_goaf_without_pillars_or_roofs(shape: GoafShape) -> None:
    bare = replace(shape, pillars=shape.pillars.iloc[:0], faces=shape.faces[1:])
    found = goaf_stability(bare, ROCK, draws=DRAWS)
    assert set(found.table["topic"]) == {"graph", "caving"}
    empty = goaf_stability(replace(bare, faces=()), ROCK, draws=DRAWS)
    assert set(empty.table["topic"]) == {"caving"}


def test_the_summary_is_json_and_draws_the_chart(shape: GoafShape, tmp_path) -> None:
    found = goaf_stability(shape, ROCK, draws=DRAWS)
    summary = found.summary()
    again = json.loads(json.dumps(summary, allow_nan=False))
    assert again == summary
    assert len(again["rows"]) == len(found.table)
    for ending in ("png", "svg"):
        one = draw_stability_chart(tmp_path / f"kept.{ending}", pd.DataFrame(again["faces"]))
        assert one.read_bytes() == draw_stability_chart(tmp_path / f"now.{ending}", found.faces).read_bytes()
    with pytest.raises(ParameterError, match=r"a chart cannot be written as x\.bmp; expected one of \.png, \.svg"):
        draw_stability_chart(tmp_path / "x.bmp", found.faces)


def judged(shape: GoafShape, rock: dict[str, Any], thickness: float) -> dict[str, tuple[str, str, float]]:
    found = goaf_stability(shape, rock, crowns=[crown(shape, thickness)], draws=DRAWS)
    rows = measurements_frame(found.measurements("goaf", "CK-01"))
    layer = gpd.GeoDataFrame(
        {"id": ["CK-01"], "name": "", "kind": "goaf", "county": "", "position_sigma_m": 1.0, "crs_source": "cgcs2000"},
        geometry=gpd.GeoSeries([shape.outline], crs=CRS).to_crs(4490), crs=4490,
    )  # fmt: skip
    mine = apply_rules(CATALOGUE, {"goafs": layer}, rows, as_of=datetime.date(2026, 6, 30)).findings
    assert (mine.geometry.distance(layer.geometry.iloc[0]) < 1e-6).all()
    return {row.rule_id: (row.status, row.evidence, row.measured) for row in mine.itertuples()}


def test_findings_come_out_for_what_breaks_a_criterion(shape: GoafShape) -> None:
    rock = {**ROCK, "depth_m": DEPTH, "ucs_mpa": [30.0, 31.0]}
    found = judged(shape, rock, 2.0)
    # Required: 6.0 m by the ratio, 8.0 by the transfer lines, 2.17 by the beam, 7.3 by Carter; 1.74 by the arch.
    assert {name for name in found if name.startswith("GR-")} == {"GR-SPAN", "GR-LOAD", "GR-BEAM", "GR-CROWN"}
    assert found["GR-SPAN"] == ("advisory", "G+", pytest.approx(2.0 / 6.0))
    assert found["GR-BEAM"][:2] == ("advisory", "G")
    assert {name for name in found if name.startswith("PIL-")} == {"PIL-LP-F", "PIL-LP-U"}
    assert found["PIL-LP-F"][2] < 1.0
    strong = judged(shape, rock | {"ucs_mpa": 400.0}, DEPTH)
    assert strong == {}


def test_coal_pillars_are_held_to_the_room_and_pillar_factors(shape: GoafShape) -> None:
    rock = {"mineral": "coal", "unit_weight_kn_m3": 25.0}
    weak, fair, good = (judged(shape, rock, depth) for depth in (60.0, 17.0, 12.0))
    assert set(weak) == {"PIL-COAL-L", "PIL-COAL-H"}
    assert set(fair) == {"PIL-COAL-H"}
    assert good == {}
    assert judged(shape, rock | {"mineral": "non_coal"}, 60.0) == {}


@pytest.mark.parametrize(
    ("table", "text"),
    [
        ({"ucs": 80}, "ucs: unknown key. Did you mean 'ucs_mpa'?"),
        ({"width_m": 5}, "width_m: unknown key"),
        ({"ucs_mpa": "80"}, "ucs_mpa: '80' is no value"),
        ({"ucs_mpa": [120, 80]}, "ucs_mpa: the range is 120, 80; expected low below high, in rising order"),
        ({"rqd": [80, 120]}, "rqd: the value is 120; expected above 0, up to 100 %"),
        ({"mineral": "gold"}, "mineral: found 'gold'; expected coal or non_coal"),
        ({"failure": 3}, "failure: found 3; expected gravity or sliding"),
        ({"safety_factor": 0.9}, "safety_factor: the value is 0.9; expected 1 or more"),
        ({"safety_factor": {"carter": 1.2}}, "safety_factor.carter: no roof method with a factor is called so"),
        ({"safety_factor": {"load_transfer": [1.3, 1.1]}}, "safety_factor.load_transfer: the range is 1.3, 1.1"),
        ({"faces": "roof"}, "faces: found 'roof'; expected tables"),
        ({"faces": {"roof": 3}}, "faces.roof: found 3; expected a table of parameters"),
        ({"faces": {"roof": {"span_m": 3}}}, "faces.roof.span_m: unknown key"),
        ({"faces": {"wall-2": {"joint_dip_deg": 95}}}, "faces.wall-2.joint_dip_deg: the value is 95"),
    ],
)  # fmt: skip
def test_bad_parameters_are_told_with_their_place(table: dict[str, Any], text: str) -> None:
    problems = [str(problem) for problem in stability_problems(table)]
    assert len(problems) == 1
    assert problems[0].startswith(text)
    with pytest.raises(ParameterError):
        StabilityParameters.read(table)


def test_all_problems_come_at_once_and_good_parameters_have_none() -> None:
    assert len(list(stability_problems({"ucs": 1, "rqd": 0, "faces": {"roof": {"failure": "x"}}}))) == 3
    assert list(stability_problems(ROCK)) == []
    assert StabilityParameters.read({"safety_factor": [1.1, 1.5]}).safety_factors.keys() == {
        "thickness_span", "load_transfer", "fixed_beam", "protodyakonov",
    }  # fmt: skip
