"""Kinds as schemas: what they hold, their units and words, the user's own headers, datums and detected systems."""

from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
from pyproj import Transformer

from sxrisk.crs import Datum, wgs84_to_bd09, wgs84_to_gcj02
from sxrisk.errors import CRSError, ParameterError
from sxrisk.layers import KINDS, LoadedLayer, describe_kind, kind, kinds_called, load_layer, with_synonyms
from sxrisk.layers.kinds import header_key
from sxrisk.layers.tables.values import parse_attribute, parse_number

DATUM = Datum("mine-grid", "helmert4", 0.3, target="EPSG:4547", d_east_m=400_000.0, d_north_m=4_100_000.0,
              rotation_arcsec=3600.0, scale_ppm=50.0)  # fmt: skip


def write(folder: Path, text: str, name: str = "a.csv") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def issue_of(loaded: LoadedLayer, code: str) -> str:
    return next(issue.detail for issue in loaded.report.issues if issue.code == code)


def test_every_kind_of_the_issue_is_there() -> None:
    asked = {
        "enterprise", "chemical_unit", "pipeline", "pipeline_facility", "tailings_pond", "open_pit", "quarry",
        "blasting_site", "waste_dump", "goaf", "underground_mine", "building", "settlement", "school", "hospital",
        "crowd_place", "road", "railway", "river", "power_line", "gas_pipe", "water_pipe", "heat_pipe", "rescue_base",
        "accident", "boundary", "release_scenario", "nature_reserve", "water_source", "reservoir", "river_bank_zone",
        "substation", "flammable_site", "airport", "well", "gas_storage_zone",
    }  # fmt: skip
    assert asked == set(KINDS)


@pytest.mark.parametrize("name", KINDS)
def test_a_kind_is_a_whole_schema(name: str) -> None:
    definition, table = kind(name), describe_kind(name)
    assert set(definition.geometry) <= {"point", "line", "polygon"} and definition.geometry
    assert table["column"].is_unique and len(table) == len(definition.attributes)
    assert (table["title_zh"] != "").all() and (table["title_en"] != "").all()
    assert set(table["type"]) <= {"text", "number", "date", "bool", "vocabulary", "rank"}
    assert set(definition.required) <= set(table["column"]) and table["required"].sum() == len(definition.required)
    numbers = table[(table["type"] == "number") & ~table["column"].str.startswith(("starter_dam_toe", "site_"))]
    assert (numbers["unit"] != "").all()
    assert ((table["values"] != "") == table["type"].isin(["vocabulary", "rank"])).all()
    for entry in definition.attributes:
        assert any(not word.isascii() for word in entry.synonyms), f"{entry.name} has no Chinese header"
        # A unit in the name is the canonical one.
        for ending, unit in (("_m", "m"), ("_mm", "mm"), ("_m3", "m3"), ("_deg", "deg"), ("_kg", "kg"), ("_t", "t")):
            if entry.name.endswith(ending):
                assert entry.canonical_unit == unit
    own = [header_key(entry.name) for entry in definition.attributes]
    assert len(set(own)) == len(own)


def test_products_have_a_style_and_a_label_for_everything() -> None:
    from sxrisk.assess.goaf_jobs.subsidence import SUBSIDENCE_ZONE
    from sxrisk.products.kinds import KIND_STYLES
    from sxrisk.products.text import text_catalogue
    from sxrisk.reach import RISK_ZONE

    # Zones of risk and of movement are no kinds of file: a run computes them.
    shown = {*KINDS, RISK_ZONE, SUBSIDENCE_ZONE}
    assert set(KIND_STYLES) == shown == set(text_catalogue()["kind"])
    colours = [style.colour for style in KIND_STYLES.values()]
    assert len(set(colours)) == len(colours)
    attributes = {column for name in KINDS for column in describe_kind(name)["column"]}
    assert attributes <= set(text_catalogue()["attribute"])


def test_built_and_permitted_stand_where_the_law_asks_which_came_first() -> None:
    without = {"release_scenario", "goaf", "river", "river_bank_zone", "rescue_base", "boundary", "accident"}
    for name in KINDS:
        columns = set(describe_kind(name)["column"])
        assert ({"built_on", "permitted_on"} <= columns) == (name not in without), name


def test_unknown_kinds_are_refused_and_common_words_hinted() -> None:
    with pytest.raises(ParameterError, match="'gaspipe' is no kind of layer"):
        describe_kind("gaspipe")
    assert kinds_called("变电站") == ["substation"]
    assert kinds_called("Town gas pipes") == ["gas_pipe"]


def test_a_chemical_unit_of_several_substances(tmp_path: Path) -> None:
    path = write(tmp_path, "厂区编号,单元编号,单元名称,单元类型,化学品名称,CAS号,最大存量(kg),经度,纬度,符号\n"
                           "E1,U1,罐区,储存单元,液氨,7664-41-7,25000,112.5123,37.5123,J2\n"
                           "E1,U1,罐区,储存单元,氯,7782-50-5,3000,112.5123,37.5123,j3\n"
                           "E1,U2,装置区,生产,甲醇,67-56-1,500,112.5133,37.5123,W5.3\n")  # fmt: skip
    loaded = load_layer(path, kind="chemical_unit", crs="CGCS2000")
    frame = loaded.frame
    assert frame["unit_id"].tolist() == ["U1", "U1", "U2"] and frame["id"].is_unique
    assert frame["quantity_t"].tolist() == [25.0, 3.0, 0.5]
    assert frame["unit_type"].tolist() == ["storage", "storage", "production"]
    assert frame["hazard_category"].tolist() == ["J2", "J3", "W5.3"]
    assert frame["substance"].tolist() == ["液氨", "氯", "甲醇"] and frame["site_id"].tolist() == ["E1"] * 3
    # That rows of one unit share its number is no fault.
    assert "duplicate_id" not in {issue.code for issue in loaded.report.issues}


def test_ranks_words_and_units_of_a_tailings_pond(tmp_path: Path) -> None:
    path = write(tmp_path, "编号,经度,纬度,等别,筑坝方式,沟床比降(‰),总库容(万m³),多年平均降雨量(cm)\n"
                           "A,112.5,37.5,三等,上游式,50,120,45\nB,112.5,37.6,Ⅱ,一次建坝,,,\nC,112.6,37.5,九等,干式堆存,,,\n"
                 )  # fmt: skip
    loaded = load_layer(path, kind="tailings_pond", crs="CGCS2000")
    frame = loaded.frame
    assert frame["class_of_dam"].tolist()[:2] == [3.0, 2.0] and np.isnan(frame["class_of_dam"][2])
    assert "等别 = '九等'" in issue_of(loaded, "word_not_known")
    assert frame["construction_method"].tolist() == ["upstream", "one_stage", "dry_stack"]
    assert frame.loc[0, ["bed_gradient_percent", "storage_volume_m3", "mean_annual_rain_mm"]].tolist() == [
        5,
        1.2e6,
        450,
    ]


@pytest.mark.parametrize(
    ("name", "header", "written", "attribute", "canonical"),
    [
        ("gas_pipe", "压力级制", "次高压A", "pressure_level", "sub_high_a"),
        ("gas_pipe", "压力级制", "高压A", "pressure_level", "high_a"),
        ("blasting_site", "岩性", "中硬岩石", "rock", "medium"),
        ("quarry", "岩性", "石灰岩", "rock", "石灰岩"),
        ("goaf", "顶板类型", "坚硬", "roof", "hard"),
        ("underground_mine", "水文地质类型", "极复杂", "water_class", "very_complex"),
        ("underground_mine", "瓦斯等级", "煤与瓦斯突出", "gas_class", "outburst"),
        ("building", "建筑用途", "窑洞", "building_use", "cave_dwelling"),
        ("railway", "铁路等级", "高速铁路", "railway_class", "high_speed"),
        ("power_line", "电压等级(V)", "220000", "voltage_kv", 220.0),
        ("pipeline_facility", "设施类型", "截断阀室", "facility_type", "valve_room"),
        ("chemical_unit", "设施类型", "液化烃罐组", "facility_type", "lpg_tanks"),
        ("settlement", "级别", "行政村", "level", "village"),
        ("quarry", "生产规模(万吨/年)", "50", "production_kt_per_year", 500.0),
        ("open_pit", "在线监测", "是", "online_monitoring", True),
        ("pipeline", "输送介质", "焦炉煤气", "medium", "coal_gas"),
        ("pipeline", "穿越河流", "否", "is_river_crossing", False),
    ],
)
def test_words_and_units(
    tmp_path: Path, name: str, header: str, written: str, attribute: str, canonical: object
) -> None:
    place = "LINESTRING (112 37, 112.1 37)" if "line" in kind(name).geometry else "POINT (112 37)"
    path = write(tmp_path, f"编号;wkt;{header}\nA;{place};{written}\n")
    assert load_layer(path, kind=name, crs="CGCS2000").frame.loc[0, attribute] == canonical


def test_the_users_own_headers_come_first_and_are_reported(tmp_path: Path) -> None:
    path = write(tmp_path, "矿号,场地名,经度,纬度,采深,本地采深(km)\nA,甲,112.5,37.5,100,0.65\n")
    own = {"mining_depth_m": ["本地采深"], "id": ["矿号"], "name": ["场地名"], "diameter_mm": ["外径尺寸"]}
    loaded = load_layer(path, kind="underground_mine", crs="CGCS2000", synonyms=own)
    assert loaded.frame.loc[0, ["id", "name", "mining_depth_m"]].tolist() == ["A", "甲", 650.0]
    assert "'采深' could be meant as well" in issue_of(loaded, "header_chosen")
    plain = load_layer(path, kind="underground_mine", crs="CGCS2000")
    assert plain.frame.loc[0, "mining_depth_m"] == 100.0


def test_own_headers_find_the_header_row_under_a_title(tmp_path: Path) -> None:
    path = write(tmp_path, "台账,,\n甲乙,丙丁,戊己\n112.5,37.5,30\n")
    own = {"longitude": ["甲乙"], "latitude": ["丙丁"], "households": ["戊己"]}
    frame = load_layer(path, kind="settlement", crs="CGCS2000", synonyms=own).frame
    assert frame.loc[0, "households"] == 30


@pytest.mark.parametrize(
    ("own", "message"),
    [
        ({"mining_dept_m": ["x"]}, "Did you mean 'mining_depth_m'"),
        ({"depth_m": ["深"], "thickness_m": ["深"]}, "'深' is to mean both depth_m and thickness_m"),
    ],
)
def test_own_headers_that_cannot_be_meant(own: dict, message: str) -> None:
    with pytest.raises(ParameterError, match=message):
        with_synonyms(kind("goaf"), own)


def test_a_layer_in_a_mine_grid(tmp_path: Path) -> None:
    path = write(tmp_path, "编号,东坐标,北坐标,定位精度\nA,1000,2000,0.4\nB,1500,2500,\n")
    loaded = load_layer(path, kind="settlement", crs=DATUM)
    east, north = DATUM.to_target(np.array([1000.0, 1500.0]), np.array([2000.0, 2500.0]))
    lon, lat = Transformer.from_crs(4547, 4490, always_xy=True).transform(east, north)
    xy = shapely.get_coordinates(loaded.frame.geometry.to_numpy())
    assert xy == pytest.approx(np.column_stack([lon, lat]), abs=1e-11)
    assert (loaded.frame["crs_source"] == "local").all()
    # The transformation's own accuracy is added; what is unknown stays unknown.
    assert loaded.frame["position_sigma_m"].tolist() == pytest.approx([0.5, np.nan], nan_ok=True)
    assert "to EPSG:4547 by helmert4, which is good to 0.3 m" in issue_of(loaded, "datum_applied")


def test_a_datum_and_what_the_file_says(tmp_path: Path) -> None:
    xian = Datum("x80", "shift3", 1.0, source="EPSG:4610", dx_m=100.0, dy_m=-50.0, dz_m=10.0)
    point = gpd.GeoDataFrame({"id": ["A"]}, geometry=[shapely.Point(112.5, 37.5)])
    for epsg, same in ((4610, True), (4214, False)):
        path = tmp_path / f"{epsg}.gpkg"
        point.set_crs(epsg).to_file(path)
        codes = {issue.code for issue in load_layer(path, kind="settlement", crs=xian).report.issues}
        assert ("crs_overridden" in codes) != same
    modern = tmp_path / "modern.gpkg"
    point.set_crs(4490).to_file(modern)
    with pytest.raises(CRSError, match="but the datum x80 is declared"):
        load_layer(modern, kind="settlement", crs=xian)


@pytest.fixture(scope="module")
def roads() -> gpd.GeoDataFrame:
    rng = np.random.default_rng(11)
    lines = []
    for start in rng.uniform([112.0, 37.0], [112.5, 37.5], (60, 2)):
        turns = rng.uniform(0, 2 * np.pi) + np.cumsum(rng.normal(0, 0.5, 12))
        lines.append(shapely.LineString(start + np.cumsum(0.005 * np.column_stack([np.cos(turns), np.sin(turns)]), 0)))
    return gpd.GeoDataFrame({"id": map(str, range(60)), "name": [""] * 60}, geometry=lines, crs=4490)


@pytest.mark.parametrize(("system", "offset"), [("gcj02", wgs84_to_gcj02), ("bd09", wgs84_to_bd09), ("cgcs2000", None)])
def test_a_web_map_layer_is_found_by_its_reference(
    tmp_path: Path, roads: gpd.GeoDataFrame, system: str, offset: object
) -> None:
    path = tmp_path / "web.geojson"
    moved = roads.iloc[:25].copy()
    if offset is not None:
        moved = moved.set_geometry(shapely.transform(
            moved.geometry.to_numpy(), lambda xy: np.column_stack(offset(*xy.T))))  # fmt: skip
    moved.set_crs(4326, allow_override=True).to_file(path)
    loaded = load_layer(path, kind="road", crs="detect", reference=roads)
    assert (loaded.frame["crs_source"] == system).all()
    ends = shapely.get_coordinates(loaded.frame.geometry.iloc[0])[[0, -1]]
    assert ends == pytest.approx(shapely.get_coordinates(roads.geometry.iloc[0])[[0, -1]], abs=2e-6)
    assert loaded.report.detected["system"] == system and loaded.report.detected["probability"] > 0.99
    assert f"{system}, probability" in issue_of(loaded, "crs_detected")


def test_a_layer_that_fits_nothing_is_of_unknown_origin(tmp_path: Path, roads: gpd.GeoDataFrame) -> None:
    path = tmp_path / "web.geojson"
    roads.set_geometry(roads.geometry.translate(0.004, 0.003)).to_file(path)
    loaded = load_layer(path, kind="road", crs="detect", reference=roads)
    assert (loaded.frame["crs_source"] == "unknown").all() and loaded.report.crs_source == "unknown"
    assert "every distance from it is unreliable" in issue_of(loaded, "crs_not_detected")
    with pytest.raises(CRSError, match="the reference is itself of unknown origin"):
        load_layer(path, kind="road", crs="detect", reference=loaded.frame)


def test_detection_needs_degrees_and_a_reference(tmp_path: Path, roads: gpd.GeoDataFrame) -> None:
    path = tmp_path / "a.gpkg"
    roads.to_crs(4547).to_file(path)
    with pytest.raises(CRSError, match="which is no system of degrees"):
        load_layer(path, kind="road", crs="detect", reference=roads)
    with pytest.raises(CRSError, match="there is no reference"):
        load_layer(write(tmp_path, "编号,经度,纬度\nA,112,37\n"), kind="school", crs="detect")


def test_real_cities_of_a_web_map_are_detected(shared_data: Path) -> None:
    folder = shared_data / "boundaries"
    true = load_layer(folder / "shanxi_tianditu_city.geojson", kind="boundary").frame
    loaded = load_layer(folder / "shanxi_cities_gcj02_echarts4.geojson", kind="boundary", crs="detect", reference=true)
    assert loaded.report.crs_source == "gcj02"
    assert loaded.report.rows_read == loaded.report.rows_used + loaded.report.rows_rejected
    assert pd.Series(loaded.report.detected["misfit_m"]).idxmin() == "gcj02"


UNKNOWN = ""
WORDS = {
    ("flammable_site", "site_type"): {
        "储油站": "depot", "输油站": "depot", "储配站": "depot", "燃气站": "depot", "液化气站": "depot",
        "中石化加油站": "filling_station", "CNG加气站": "gas_station",
    },
    ("river", "river_class"): {
        "汾河干流": UNKNOWN, "黄河一级支流": UNKNOWN, "干流": UNKNOWN, "黄河支流": UNKNOWN, "黄河干流": "yellow_river",
    },
    ("building", "building_use"): {
        "商住": "residential", "商住楼": "residential", "底商住宅": "residential", "厂房宿舍": "residential",
        "工业园区宿舍": "residential", "学生宿舍": "residential", "非居住": UNKNOWN, "non-residential": UNKNOWN,
    },
    ("blasting_site", "rock"): {"较坚硬": "medium", "坚硬": "hard", "半坚硬": UNKNOWN},
    ("goaf", "roof"): {"较坚硬": "medium"},
    ("pipeline", "network"): {"城镇燃气支线": "urban", "支线": "transmission"},
    ("pipeline", "medium"): {"甲醇汽油": "refined_oil", "甲醇": "hazardous_chemical"},
    ("chemical_unit", "facility_type"): {
        "丙类工艺装置": UNKNOWN, "丙类可燃液体罐组": UNKNOWN, "非甲类仓库": UNKNOWN, "1#甲类仓库": "class_a_warehouse",
        "甲、乙类罐组": "class_ab_tanks",
    },
    ("gas_pipe", "pressure_level"): {"中低压": UNKNOWN, "低压": "low", "次高压A": "sub_high_a", "中压A级": "medium_a"},
    ("enterprise", "industry"): {"非金属矿": "non_coal_mine", "非煤矿山": "non_coal_mine", "无机化工": "chemical"},
}  # fmt: skip


@pytest.mark.parametrize(
    ("of", "column", "word", "meant"),
    [(*key, word, meant) for key, words in WORDS.items() for word, meant in words.items()],
)
def test_a_part_of_a_word_does_not_make_it_another(of: str, column: str, word: str, meant: str) -> None:
    attribute = next(entry for entry in kind(of).attributes if entry.name == column)
    parsed = parse_attribute(pd.Series([word], dtype="str"), attribute, column)
    assert parsed.data.item() == (meant or word)
    assert bool(parsed.kept.any()) == (meant == UNKNOWN)


def test_words_kept_and_guessed_are_told(tmp_path: Path) -> None:
    rows = "".join(
        f"{at},112.5,37.{at},{word}\n" for at, word in enumerate(["民宿", "民宿", "农村民房", "住宅"], start=1)
    )
    loaded = load_layer(write(tmp_path, f"编号,经度,纬度,建筑用途\n{rows}"), kind="building", crs="CGCS2000")
    assert loaded.frame["building_use"].tolist() == ["民宿", "民宿", "residential", "residential"]
    assert issue_of(loaded, "word_not_known").startswith("建筑用途 = '民宿' (2), none of important_public, ")
    assert issue_of(loaded, "word_guessed") == "建筑用途: '农村民房' as residential (1)"


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("10 20", np.nan), ("12,5", np.nan), ("1,2345", np.nan), ("10,200,30", np.nan), ("1,234", 1234.0),
        ("1 234.5", 1234.5), ("1,234,567", 1234567.0), ("12,345.6 m", 12345.6), ("１，２３４", 1234.0), ("3 米", 3.0),
    ],
)  # fmt: skip
def test_marks_in_numbers_part_thousands_or_make_them_unusable(written: str, value: float) -> None:
    attribute = next(entry for entry in kind("open_pit").attributes if entry.name == "depth_m")
    parsed = parse_number(pd.Series([written], dtype="str"), attribute)
    assert parsed.data.item() == pytest.approx(value, nan_ok=True)
    assert bool(parsed.bad.any()) == bool(np.isnan(value))
