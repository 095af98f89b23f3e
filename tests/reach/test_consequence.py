"""Movements of things in a basin against closed forms, over their whole extent; what is declared and what is asked."""

from datetime import date
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
from scipy.special import erf
from shapely.affinity import rotate

from sxrisk.crs import local_metric
from sxrisk.errors import CRSError, ParameterError
from sxrisk.reach.consequence import ground_consequence, ground_measurements
from sxrisk.reach.subsidence import Declaration, declared_panels, subsidence_at

DAY = date(2026, 6, 30)
TM = local_metric(112.0, 37.0)
ROCK = {"q": 0.7, "tan_beta": 2.0, "b": 0.3, "s_ratio": 0.0}
# Depth 200 m, thickness 3 m: r = 100 m, W0 = 2100 mm, long along the north.
R, W0 = 100.0, 2100.0


def geographic(shape: object) -> object:
    return shapely.transform(shape, lambda c: np.column_stack(TM.transform(c[:, 0], c[:, 1], direction="INVERSE")))


def goafs(**columns: object) -> gpd.GeoDataFrame:
    base = {"id": ["G"], "depth_m": 200.0, "thickness_m": 3.0, "dip_deg": 0.0, "goaf_state": "caved"} | columns
    shapes = [geographic(shapely.box(0, -3000, 3000, 3000))] * len(base["id"])
    return gpd.GeoDataFrame(base, geometry=shapes, crs=4490)


def things(*shapes: object, kind: str = "building") -> gpd.GeoDataFrame:
    ids = [f"T{k}" for k in range(len(shapes))]
    return gpd.GeoDataFrame({"kind": kind, "id": ids, "name": ""}, geometry=list(map(geographic, shapes)), crs=4490)


def declared(values: dict | None = None, **columns: object) -> Declaration:
    return declared_panels(goafs(**columns), ROCK if values is None else values, as_of=DAY)


def on(*shapes: object, kind: str = "building", **more: float) -> gpd.GeoDataFrame:
    (field,) = declared().fields
    return ground_consequence(field, things(*shapes, kind=kind), least_mm=10.0, **more).set_index("id")


def bell(x: np.ndarray | float) -> np.ndarray | float:
    return np.exp(-np.pi * np.square(x) / R**2)


def test_a_house_gets_the_greatest_movement_of_its_own_corners() -> None:
    # From 60 to 45 m outside the edge: it subsides and tilts most at its near wall, strains most where it is 45 m off.
    row = on(shapely.box(-60, -8, -45, 7)).loc["T0"]
    near = -45.0
    assert row["subsidence_mm"] == pytest.approx(W0 / 2 * (1 + erf(np.sqrt(np.pi) * near / R)), rel=1e-4)
    assert row["tilt_mm_per_m"] == pytest.approx(W0 / R * bell(near), rel=1e-4)
    curvature = -2 * np.pi * W0 / R**3 * near * bell(near)
    assert row["curvature_per_km"] == pytest.approx(curvature, rel=1e-4)
    assert row["strain_mm_per_m"] == pytest.approx(0.3 * R * curvature, rel=1e-4)
    assert row["strain_azimuth_deg"] == pytest.approx(90.0, abs=0.2)


def test_the_worst_place_may_lie_inside_a_large_building_or_along_a_line() -> None:
    # Greatest tilt stands over the edge itself, greatest strain 0.4 r beside it: no corner lies there.
    wide = on(shapely.box(-90, -60, 70, 60)).loc["T0"]
    assert wide["tilt_mm_per_m"] == pytest.approx(W0 / R, rel=2e-3)
    assert abs(wide["strain_mm_per_m"]) == pytest.approx(1.5203 * 0.3 * W0 / R, rel=3e-3)
    across = on(shapely.LineString([(-5000, 0), (1000, 0)]), kind="pipeline").loc["T0"]
    assert across["tilt_mm_per_m"] == pytest.approx(W0 / R, rel=2e-3)
    assert abs(across["strain_along_mm_per_m"]) == pytest.approx(1.5203 * 0.3 * W0 / R, rel=3e-3)
    assert abs(across["curvature_along_per_km"]) == pytest.approx(1.5203 * W0 / R**2, rel=3e-3)


def test_a_line_along_the_edge_is_not_pulled_along_itself_and_an_oblique_one_by_the_square_of_the_cosine() -> None:
    beside = on(shapely.LineString([(-40, -500), (-40, 500)]), kind="road").loc["T0"]
    assert abs(beside["strain_mm_per_m"]) > 9.0
    assert abs(beside["strain_along_mm_per_m"]) < 1e-3
    assert abs(beside["tilt_along_mm_per_m"]) < 1e-3
    # A short line through the place of greatest strain, 30 degrees off the pull.
    short = rotate(shapely.LineString([(-40.2, 0), (-39.8, 0)]), 30.0)
    row = on(short, kind="road").loc["T0"]
    assert row["strain_along_mm_per_m"] == pytest.approx(row["strain_mm_per_m"] * np.cos(np.radians(30)) ** 2, rel=1e-3)


def test_samples_between_the_usual_ones_find_nothing_greater() -> None:
    shape = rotate(shapely.box(-70, -20, 30, 15), 25.0)
    usual, dense = on(shape).loc["T0"], on(shape, spacing_m=0.4).loc["T0"]
    for name in ("tilt_mm_per_m", "curvature_per_km", "strain_mm_per_m"):
        assert abs(usual[name]) <= abs(dense[name]) * (1 + 1e-12)
        assert abs(usual[name]) == pytest.approx(abs(dense[name]), rel=4e-3)


def test_what_lies_outside_ten_millimetres_is_left_out() -> None:
    found = on(shapely.box(-130, 0, -110, 10), shapely.box(-110, 0, -103, 10), shapely.Point(-500, 0))
    assert found.index.tolist() == ["T1"]


def test_sigma_follows_the_parameters() -> None:
    (field,) = declared({**ROCK, "q_sigma": 0.07}).fields
    row = ground_consequence(field, things(shapely.Point(-20.0, 0.0)), least_mm=10.0).iloc[0]
    # Everything is proportional to q: a tenth of q is a tenth of it all.
    for name in ("subsidence_mm", "tilt_mm_per_m", "strain_mm_per_m"):
        assert row[f"{name}_sigma"] == pytest.approx(0.1 * abs(row[name]), rel=1e-9)
    (field,) = declared().fields
    assert np.isnan(
        ground_consequence(field, things(shapely.Point(-20.0, 0.0)), least_mm=10.0)["tilt_mm_per_m_sigma"][0]
    )


def test_panels_are_added_up_and_the_one_that_contributes_most_is_named() -> None:
    two = goafs(id=["A", "B"])
    two["geometry"] = [geographic(shapely.box(0, 0, 300, 300)), geographic(shapely.box(330, 0, 630, 300))]
    made = declared_panels(two, ROCK, as_of=DAY)
    (field,) = made.fields
    found = ground_consequence(field, things(shapely.Point(290, 150), shapely.Point(340, 150)), least_mm=10.0)
    assert found["goaf"].tolist() == ["A", "B"]
    places = np.array(shapely.get_coordinates(field.forward(things(shapely.Point(290, 150)).geometry.to_numpy())))
    each = [subsidence_at([panel], places)["subsidence_mm"][0] for panel in field.panels.values()]
    assert found["subsidence_mm"][0] == pytest.approx(sum(each), rel=1e-12)
    far = goafs(id=["A", "B"])
    far["geometry"] = [geographic(shapely.box(0, 0, 300, 300)), geographic(shapely.box(9000, 0, 9300, 300))]
    assert [list(field.panels) for field in declared_panels(far, ROCK, as_of=DAY).fields] == [["A"], ["B"]]


@pytest.mark.parametrize(
    ("values", "columns", "reason"),
    [
        (ROCK, {"goaf_state": "open"}, "open_void_stands"),
        (ROCK, {"goaf_state": None}, "attribute_missing:goaf_state"),
        (ROCK, {"goaf_state": "backfilled"}, "backfilled_goaf"),
        ({**ROCK, "roof_caves": False}, {}, "open_void_stands"),
        (ROCK, {"thickness_m": None}, "attribute_missing:thickness_m"),
        (ROCK, {"dip_deg": None}, "attribute_missing:dip_deg"),
        (ROCK, {"dip_deg": 5.0}, "attribute_missing:dip_direction_deg"),
        (ROCK, {"dip_deg": 5.0, "dip_direction_deg": 90.0}, "value_not_given:theta0_deg"),
        ({k: v for k, v in ROCK.items() if k != "q"}, {}, "value_not_given:q"),
        ({k: v for k, v in ROCK.items() if k != "s_ratio"}, {}, "value_not_given:s_ratio"),
        ({**ROCK, "s_ratio": 9.0}, {}, "panel_narrower_than_offset"),
        (ROCK, {"depth_m": 80.0}, "value_not_given:caving_angle_deg"),
        ({**ROCK, "caving_angle_deg": 60.0}, {"depth_m": 80.0}, "too_shallow_for_basin"),
    ],
)
def test_nothing_is_invented(values: dict, columns: dict, reason: str) -> None:
    made = declared(values, **columns)
    assert made.fields == ()
    assert made.gaps.values.tolist() == [["G", reason]]


def test_a_declared_scenario_makes_an_open_void_a_panel_with_its_own_q() -> None:
    made = declared_panels(goafs(goaf_state="open"), ROCK, {"G": {"roof_caves": True, "q": 0.4}}, as_of=DAY)
    assert made.fields[0].panels["G"].rock.q == 0.4


def test_a_shallow_goaf_gets_a_collapse_zone_and_no_basin() -> None:
    made = declared({**ROCK, "caving_angle_deg": 60.0}, depth_m=60.0)
    measured, table = ground_measurements(made, things(shapely.Point(-10, 0)), least_mm=10.0)
    zone = measured[measured["metric"] == "collapse_zone"].iloc[0]
    assert zone["value"] == pytest.approx(60.0 / np.sqrt(3.0))
    west = shapely.get_coordinates(zone["geometry"])[:, 0].min()
    assert TM.transform(west, 37.0)[0] == pytest.approx(-60.0 / np.sqrt(3.0), abs=0.5)
    assert measured.loc[measured["metric"] == "tilt", "method"].tolist() == ["too_shallow_for_basin"]
    assert table.empty


@pytest.mark.parametrize(
    ("movement", "share"),
    [("final", 1.0), ("to_date", 1 - np.exp(-0.5 * 2)), ("to_come", np.exp(-0.5 * 2)),
     ("residual", 0.3 * 0.8 * (1 - np.exp(-48 / 50)) / 0.7)],
)  # fmt: skip
def test_parts_of_the_movement(movement: str, share: float) -> None:
    stopped = pd.Timestamp(DAY) - pd.Timedelta(days=2 * 365.25)
    values = {**ROCK, "knothe_rate_per_year": 0.5, "residual_k": 0.8}
    made = declared_panels(goafs(stopped_on=stopped), values, as_of=DAY, movement=movement)
    (field,) = made.fields
    found = ground_consequence(field, things(shapely.Point(1500, 0)), least_mm=10.0)
    assert found["subsidence_mm"][0] == pytest.approx(W0 * share, rel=1e-3)
    measured, _ = ground_measurements(made, things(shapely.Point(1500, 0)), least_mm=10.0)
    assert set(measured.loc[measured["value"].notna(), "method"]) == {f"movement_{movement}"}
    without = declared_panels(goafs(), ROCK, as_of=DAY, movement=movement)
    assert (without.gaps.empty) == (movement == "final")


def test_measurements_of_the_goaf_itself_are_the_greatest_of_its_basin() -> None:
    made = declared()
    measured, _ = ground_measurements(made, things(shapely.Point(-20, 0)), least_mm=10.0)
    own = measured[measured["object_id"] == ""].set_index("metric")["value"]
    assert own["subsidence"] == pytest.approx(W0, rel=1e-3)
    assert own["tilt"] == pytest.approx(W0 / R, rel=2e-3)
    # At a corner the ground bends a little more than along an edge.
    assert 1.5203 * W0 / R**2 * 0.998 < own["curvature"] < 1.15 * 1.5203 * W0 / R**2
    pair = measured[measured["object_id"] == "T0"].set_index("metric")
    assert pair["subject_id"].unique().tolist() == ["G"]
    assert pair.loc["tilt", "value"] == pytest.approx(W0 / R * bell(20.0), rel=1e-4)


def test_bad_input_is_named() -> None:
    with pytest.raises(ParameterError, match="'beta' cannot be declared"):
        declared({"beta": 2.0})
    with pytest.raises(ParameterError, match="there is no goaf 'X'"):
        declared_panels(goafs(), ROCK, {"X": {"q": 0.5}}, as_of=DAY)
    with pytest.raises(ParameterError, match=r"roof_caves is 1\.0"):
        declared({**ROCK, "roof_caves": 1.0})
    (field,) = declared().fields
    with pytest.raises(CRSError, match="not in geographic CGCS2000"):
        ground_consequence(field, things(shapely.Point(0, 0)).to_crs(4546), least_mm=10.0)
    with pytest.raises(ParameterError, match="least_mm is 0"):
        ground_consequence(field, things(shapely.Point(0, 0)), least_mm=0.0)


def test_the_sample_has_houses_of_several_grades(sample: Path) -> None:
    """The panel at the village edge: what the shipped files say, by the closed form of its rectangle."""
    from sxrisk.layers import load_layer

    panels = load_layer(sample / "sample_data" / "goafs.gpkg", kind="goaf").frame
    houses = load_layer(sample / "sample_data" / "buildings.geojson", kind="building", crs="EPSG:4490").frame
    values = {"q": 0.65, "tan_beta": 2.0, "b": 0.28, "s_ratio": 0.05}
    made = declared_panels(panels[panels["id"] == "CK-07"], values, as_of=DAY)
    (field,) = made.fields
    found = ground_consequence(field, houses, least_mm=10.0)
    panel = field.panels["CK-07"]
    ring = np.array(shapely.minimum_rotated_rectangle(panel.outline).exterior.coords)[:4]
    sides = np.linalg.norm(np.diff(np.vstack([ring, ring[:1]]), axis=0), axis=1)[:2]
    axes = [(ring[1] - ring[0]) / sides[0], (ring[2] - ring[1]) / sides[1]]
    middle, r = ring.mean(axis=0), 220.0 / 2.0

    def closed(places: np.ndarray) -> np.ndarray:
        w = np.full(len(places), 1000 * 3.4 * 0.65)
        for axis, side in zip(axes, sides, strict=True):
            u, half = (places - middle) @ axis, side / 2 - 0.05 * 220.0
            w *= 0.5 * (erf(np.sqrt(np.pi) * (u + half) / r) - erf(np.sqrt(np.pi) * (u - half) / r))
        return w

    corners = [shapely.get_coordinates(field.forward(shape)) for shape in found.geometry]
    expected = np.array([closed(places).max() for places in corners])
    assert len(found) > 20
    # Subsidence is monotonous under each house at the flank: its corners tell it.
    np.testing.assert_allclose(found["subsidence_mm"], expected, rtol=2e-3)
