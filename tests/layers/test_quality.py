"""The data quality report: planted faults are found, clean layers are not blamed, real files show their known traps."""

from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely

from sxrisk.errors import CRSError
from sxrisk.layers import load_layer
from sxrisk.layers.quality.report import QUALITY_COLUMNS, check_quality


def layer(kind: str, places: object, **columns: object) -> gpd.GeoDataFrame:
    """A canonical frame of a kind; positions good to 5 m, ids A0, A1, ..."""
    geometry = [shapely.Point(place) if isinstance(place, tuple) else place for place in places]
    count = len(geometry)
    front = {"id": [f"A{at}" for at in range(count)], "name": [""] * count, "kind": kind, "county": "",
             "position_sigma_m": 5.0, "crs_source": "cgcs2000"}  # fmt: skip
    return gpd.GeoDataFrame({**front, **columns}, geometry=geometry, crs=4490)


def scattered(count: int, seed: int = 1) -> list[tuple[float, float]]:
    return [tuple(place) for place in np.random.default_rng(seed).uniform([112, 37], [113, 38], (count, 2))]


def found(report: pd.DataFrame, code: str) -> pd.DataFrame:
    return report[report["code"] == code].reset_index(drop=True)


def ids(report: pd.DataFrame, code: str) -> list[str]:
    rows = found(report, code)
    assert len(rows) == 1, rows
    return rows.loc[0, "ids"].split(", ")


def test_a_clean_layer_has_nothing_but_what_was_not_checked() -> None:
    rng = np.random.default_rng(2)
    clean = layer("settlement", scattered(200), name=[f"村庄{chr(0x4e00 + at)}" for at in range(200)],
                  households=rng.integers(20, 400, 200).astype(float))  # fmt: skip
    clean["population"] = clean["households"] * 3.1
    report = check_quality({"villages": clean})
    assert list(report.columns) == list(QUALITY_COLUMNS)
    assert report["code"].tolist() == ["not_checked"]
    assert report.loc[0, "severity"] == "not_checked"
    assert report.loc[0, "sentence_zh"].startswith("图层“villages”未检查")


def test_the_same_place_and_nearly_the_same_name() -> None:
    names = ["合山煤矿", "合山煤矿有限公司", "南沟一村", "南沟二村", "北山采石场", "北山彩石场", "远方", "远方"]
    places = [(112.5, 37.5), (112.503, 37.5), (112.6, 37.6), (112.6001, 37.6), (112.7, 37.7), (112.7, 37.7),
              (112.1, 37.1), (112.9, 37.9)]  # fmt: skip
    report = check_quality({"mines": layer("enterprise", places, name=names)})
    assert ids(report, "same_place") == ["A4", "A5"]
    # One and two tell villages apart; a sign and the word for a company tell nothing; 100 km make two of one name.
    assert ids(report, "same_name_near") == ["A0", "A1", "A4", "A5"]
    assert "within 1000 m" in found(report, "same_name_near").loc[0, "sentence_en"]


def test_firms_of_one_town_and_accidents_of_one_sort_are_no_duplicates() -> None:
    firms = layer("enterprise", [(112.5, 37.5), (112.503, 37.5)], name=["合山德盛化工有限公司", "合山德鑫化工有限公司"],
                  industry="chemical")  # fmt: skip
    falls = layer("accident", [(112.5, 37.5), (112.501, 37.5), (112.502, 37.5)], name="顶板事故",
                  date=["2024-03-01", "2025-07-09", "2025-07-09"])  # fmt: skip
    report = check_quality({"firms": firms, "falls": falls})
    rows = found(report, "same_name_near")
    assert rows[["layer", "ids"]].to_numpy().tolist() == [["falls", "A1, A2"]]


def test_rows_of_one_chemical_unit_may_share_a_place() -> None:
    report = check_quality({"units": layer("chemical_unit", [(112.51234, 37.51234)] * 3, site_id="E1")})
    assert not {"same_place"} & set(report["code"])


@pytest.mark.parametrize("count", [1000])
def test_names_that_are_no_names_are_not_compared(count: int) -> None:
    houses = layer("building", [(112 + at * 1e-5 + 1e-7, 37.0000001) for at in range(count)], name="民房", storeys=2.0,
                   building_use="residential")  # fmt: skip
    assert "same_name_near" not in set(check_quality({"houses": houses})["code"])


def test_features_outside_their_county() -> None:
    boundary = layer("boundary", [shapely.box(112, 37, 112.5, 38), shapely.box(112.5, 37, 113, 38)],
                     name=["合山县", "南平县"], level="county")  # fmt: skip
    places = [(112.2, 37.5), (112.7, 37.5), (112.500004, 37.5), (112.3, 37.2), (112.9, 37.9)]
    mines = layer("enterprise", places, county=["合山县", "合山", "合山县", "北泽县", ""])
    report = check_quality({"mines": mines}, boundary=boundary)
    # The third is 0.4 m over the border, less than a survey can tell.
    assert ids(report, "outside_county") == ["A1"]
    assert found(report, "outside_county").loc[0, "detail"] == "A1: 17.7 km, 合山"
    assert ids(report, "county_unknown") == ["A3"]
    assert "not_checked" not in set(report["code"])
    assert "no boundary is given" in found(check_quality({"mines": mines}), "not_checked").loc[0, "detail"]


@pytest.mark.parametrize(
    ("kind", "columns", "detail"),
    [
        ("tailings_pond", {"dam_height_m": [100.0, 100.0], "storage_volume_m3": [5e3, 2e6]}, "too high for the volume"),
        ("tailings_pond", {"dam_height_m": [4.0, 40.0], "storage_volume_m3": [2e8, 2e6]}, "too large for the dam"),
        ("pipeline", {"diameter_mm": [1016.0, 1016.0], "pressure_mpa": [63.0, 6.3]}, "no pipe wall holds this"),
        ("pipeline", {"diameter_mm": [1.0, 1016.0]}, "a diameter in another unit"),
        ("underground_mine", {"mining_depth_m": [2600.0, 900.0]}, "no mine is this deep"),
        ("goaf", {"depth_m": [30.0, 300.0], "thickness_m": [40.0, 4.0]}, "thicker than deep"),
        ("settlement", {"population": [9000.0, 900.0], "households": [30.0, 300.0]}, "persons per household"),
        ("building", {"storeys": [400.0, 4.0]}, "no building is this high"),
        ("blasting_site", {"charge_per_delay_kg": [90.0, 9.0], "total_charge_kg": [50.0, 50.0]}, "more in one delay"),
    ],
)
def test_attributes_that_cannot_be(kind: str, columns: dict, detail: str) -> None:
    places = [shapely.LineString([(112.01, 37), (112.02, 37.01)]), shapely.LineString([(112.3, 37), (112.4, 37)])]
    if kind != "pipeline":
        places = [(112.12345, 37.12345), (112.54321, 37.54321)]
    rows = found(check_quality({"l": layer(kind, places, **columns)}), "impossible")
    assert rows["ids"].tolist()[0] == "A0" and detail in rows.loc[0, "detail"]
    assert set(rows["ids"]) == {"A0"}


def test_areas_too_small_for_what_they_hold() -> None:
    metre = 1 / 111_000
    square = shapely.box(112, 37, 112 + 100 * metre, 37 + 100 * metre)
    two = [square, shapely.affinity.translate(square, 0.1)]
    for kind, columns in (
        ("open_pit", {"depth_m": [400.0, 80.0]}),
        ("waste_dump", {"stack_height_m": [200.0, 40.0]}),
        ("building", {"storeys": [2.0, 2.0], "population": [20_000.0, 500.0]}),
    ):
        rows = found(check_quality({"l": layer(kind, two, **columns)}), "impossible")
        assert rows["ids"].tolist() == ["A0"], kind


def test_zeros_that_mean_unknown_and_a_value_filled_in() -> None:
    rng = np.random.default_rng(5)
    population = rng.integers(100, 900, 60).astype(float)
    population[:40] = 0
    depth = rng.uniform(50, 900, 60).round(1)
    depth[:20] = 456.0
    report = check_quality({
        "villages": layer("settlement", scattered(60), population=population),
        "mines": layer("underground_mine", scattered(60, 2), mining_depth_m=depth, 产能=rng.uniform(1, 9, 60)),
    })  # fmt: skip
    assert found(report, "mostly_zero")[["layer", "attribute", "count"]].to_numpy().tolist() == [
        ["villages", "population", 40]
    ]
    assert found(report, "one_value_repeats")[["layer", "attribute", "count", "detail"]].to_numpy().tolist() == [
        ["mines", "mining_depth_m", 20, "456"]
    ]


def test_sizes_of_pipes_may_repeat() -> None:
    lines = [shapely.LineString([place, (place[0] + 0.01, place[1])]) for place in scattered(40)]
    sizes = np.resize([219.0, 273, 323.9, 406.4, 508, 610, 711, 813, 914, 1016, 508, 508], 40)
    report = check_quality({"pipes": layer("pipeline", lines, diameter_mm=sizes)})
    assert "one_value_repeats" not in set(report["code"])


def test_gaps_in_what_criteria_ask_for() -> None:
    lines = [shapely.LineString([place, (place[0] + 0.01, place[1])]) for place in scattered(3)]
    pipes = layer("pipeline", lines, medium=["natural_gas", "", "crude_oil"], pressure_mpa=[6.3, 4.0, np.nan])
    rows = found(check_quality({"pipes": pipes}), "required_missing").set_index("attribute")
    assert rows.loc["diameter_mm", ["count", "ids"]].tolist() == [3, "A0, A1, A2"]
    assert rows.loc["medium", "ids"] == "A1" and rows.loc["pressure_mpa", "ids"] == "A2"
    assert rows.loc["diameter_mm", "sentence_en"].startswith("3 of 3 features of layer pipes have no diameter")


def test_decimals_against_the_stated_accuracy() -> None:
    fine = [(112.123456, 37.123456 + at * 1e-5) for at in range(20)]
    places = [(112.12, 37.12), *fine]
    sigma = [5.0] * 20 + [np.nan]
    rows = found(check_quality({"l": layer("school", places, position_sigma_m=sigma)}), "coarse_coordinates")
    # Two decimals are steps of 1.1 km, which spread 320 m.
    assert rows[["ids", "detail"]].to_numpy().tolist() == [["A0", "0.01°, ±320 m"]]
    report = check_quality({"l": layer("school", places, position_sigma_m=sigma)})
    assert ids(report, "accuracy_unknown") == ["A20"]


def test_points_of_one_name_in_two_layers() -> None:
    mines = layer("underground_mine", [(112.5, 37.5), (112.6, 37.6), (112.7, 37.7)],
                  name=["合山煤矿", "南山煤矿", "北山煤矿"])  # fmt: skip
    fences = [shapely.box(112.49, 37.49, 112.51, 37.51), shapely.box(112.62, 37.6, 112.63, 37.61)]
    outlines = layer("enterprise", fences, name=["合山煤矿", "南山煤矿有限公司"])
    plants = layer("enterprise", [(112.72, 37.7), (112.5001, 37.5)], name=["北山煤矿", "合山煤矿"])
    report = check_quality({"mines": mines, "outlines": outlines, "plants": plants})
    assert ids(report, "outside_own_polygon") == ["A1"]
    assert found(report, "outside_own_polygon").loc[0, "detail"] == "outlines: 1 of 2, 1.8 km"
    assert ids(report, "same_name_elsewhere") == ["A2"]


def test_what_the_reader_did_is_told(tmp_path: Path) -> None:
    bow = "POLYGON ((112 37, 112.1 37.1, 112.1 37, 112 37.1, 112 37))"
    path = tmp_path / "a.csv"
    path.write_text(f"编号;wkt\nA;{bow}\nB;POLYGON ((112.3 37, 112.4 37, 112.4 37.1, 112.3 37))\nC;rubbish\n")
    loaded = load_layer(path, kind="open_pit", crs="CGCS2000")
    report = check_quality({"pits": loaded})
    assert ids(report, "polygon_repaired") == ["A"]
    rejected = found(report, "rows_rejected")
    assert rejected[["count", "detail", "severity"]].to_numpy().tolist() == [[1, "geometry_not_understood 1", "error"]]
    raw = loaded.frame.set_geometry([shapely.from_wkt(bow), loaded.frame.geometry.iloc[1]])
    assert ids(check_quality({"pits": raw}), "polygon_invalid") == ["A"]


def test_layers_of_unknown_origin_and_empty_ones() -> None:
    report = check_quality({"a": layer("school", scattered(3), crs_source="unknown"), "b": layer("school", [])})
    assert found(report, "origin_unknown").loc[0, "severity"] == "error" and report.loc[0, "severity"] == "error"
    assert found(report, "not_checked")["layer"].tolist() == ["a", "b"]


def test_other_systems_are_refused() -> None:
    with pytest.raises(CRSError, match="expected EPSG:4490"):
        check_quality({"a": layer("school", scattered(2)).to_crs(4547)})


def test_a_hundred_thousand_features_take_seconds() -> None:
    import time

    count = 100_000
    rng = np.random.default_rng(9)
    xy = rng.uniform([112, 37], [113, 38], (count, 2))
    names = [f"户{at:x}" for at in rng.integers(0, 1 << 40, count)]
    houses = layer("building", shapely.points(xy), name=names, storeys=rng.integers(1, 7, count).astype(float))
    start = time.perf_counter()
    check_quality({"houses": houses})
    assert time.perf_counter() - start < 30


def test_the_traps_of_the_real_files(shared_data: Path) -> None:
    mines = load_layer(shared_data / "mines" / "shanxi_gem_coal_mines.csv", kind="underground_mine", crs="WGS84",
                       position_sigma_m=50.0)  # fmt: skip
    outlines = load_layer(shared_data / "mines" / "shanxi_gem_mine_boundaries_methane.geojson", kind="underground_mine",
                          where={"mine feature category": "mine boundary"})  # fmt: skip
    places = load_layer(shared_data / "settlements" / "shanxi_geonames_cities500.csv", kind="settlement", crs="WGS84")
    boundary = load_layer(shared_data / "boundaries" / "shanxi_tianditu_district.geojson", kind="boundary").frame
    report = check_quality({"mines": mines, "outlines": outlines, "places": places}, boundary=boundary)
    # Ids that occur twice, one of them a whole row again.
    assert found(report, "duplicate_id").loc[0, "count"] >= 5
    assert found(report, "name_of_other_province").loc[0, ["layer", "ids"]].tolist() == ["mines", "M4372"]
    # More than half of the depths are one number that the tracker filled in.
    repeats = found(report, "one_value_repeats")
    assert repeats.loc[0, ["layer", "attribute", "detail"]].tolist() == ["mines", "mining_depth_m", "456"]
    # A village that carries the people of the city of its name, 120 km away.
    assert sorted(ids(report, "namesake_value")) == ["1808956", "1815463"]
    assert "699514" in found(report, "namesake_value").loc[0, "detail"]
    assert found(report, "mostly_zero")["attribute"].tolist() == ["population"]
    own = found(report, "outside_own_polygon")
    assert own.loc[0, "layer"] == "mines" and own.loc[0, "count"] >= 6
