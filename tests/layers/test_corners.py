"""Corner strings and corner rows: areas whose size, place and holes are known."""

from pathlib import Path

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from sxrisk.crs import GEOD, geographic_transform, parse_crs
from sxrisk.layers import load_layer
from sxrisk.layers.tables.corners import parse_corners

# A square of 400 m by 300 m in zone 37 (central meridian 111): northings first, as surveyors write.
SQUARE = [(4123400.5, 512300.25), (4123400.5, 512700.25), (4123100.5, 512700.25), (4123100.5, 512300.25)]
HOLE = [(4123300.5, 512400.25), (4123300.5, 512500.25), (4123200.5, 512500.25), (4123200.5, 512400.25)]
AWAY = [(4124400.5, 512300.25), (4124400.5, 512400.25), (4124300.5, 512400.25)]
RING = np.asarray([(east, north) for north, east in SQUARE])


def joined(corners: list[tuple[float, float]], pattern: str, between: str = "", zone: str = "") -> str:
    return between.join(
        pattern.format(n=at, x=f"{x:.2f}", y=f"{zone}{y:.2f}") for at, (x, y) in enumerate(corners, start=1)
    )


FORMS = {
    "numbers and blanks": joined(SQUARE, "{n},{x},{y} "),
    "labels": joined(SQUARE, "X{n}:{x} Y{n}:{y}", "; "),
    "labels with equals": joined(SQUARE, "{n}、X={x}，Y={y}", "；"),
    "numbers in brackets": joined(SQUARE, "({n}){x}, {y}", "\n"),
    "full-width": joined(SQUARE, "（{n}）{x}，{y}；"),
    "circled": "".join(f"{mark}{x:.2f},{y:.2f} " for mark, (x, y) in zip("①②③④", SQUARE, strict=True)),
    "J-numbers": joined(SQUARE, "J{n} {x} {y}", "\n"),
    "no numbers": joined(SQUARE, "{x},{y}", ";"),
    "closed": joined([*SQUARE, SQUARE[0]], "{n},{x},{y}", ";"),
    "closed by number one": joined(SQUARE, "{n},{x},{y};") + "1,4123400.50,512300.25",
    "east first": joined(SQUARE, "{n},{y},{x}", ";"),
    "heights": joined(SQUARE, "{n},{x},{y},1250.5", ";"),
    "register": "1,4," + joined(SQUARE, "{n},{x},{y},") + "*,1250,800,,",
    "register with counted closing": "1,5," + joined([*SQUARE, SQUARE[0]], "{n},{x},{y},") + "*,0,0,,",
    "full-width digits": joined(SQUARE, "{n},{x},{y} ").translate(str.maketrans("0123456789", "０１２３４５６７８９")),
}


@pytest.mark.parametrize("form", FORMS)
def test_every_way_to_write_the_same_square(form: str) -> None:
    parsed = parse_corners(FORMS[form])
    assert parsed.problem == ""
    assert len(parsed.rings) == 1
    assert np.array_equal(parsed.rings[0], RING)


def test_degrees_in_corner_strings() -> None:
    texts = [
        "1,37°20′11″,112°15′32″ 2,37°20′11″,112°16′32″ 3,37°19′11″,112°16′32″",
        "112°15′32″,37°20′11″;112°16′32″,37°20′11″;112°16′32″,37°19′11″",
        "(1)东经112度15分32秒，北纬37度20分11秒；(2)东经112度16分32秒，北纬37度20分11秒；(3)东经112度16分32秒，北纬37度19分11秒",
        "1、112-15-32,37-20-11 2、112-16-32,37-20-11 3、112-16-32,37-19-11",
        "112.258888889,37.336388889;112.275555556,37.336388889;112.275555556,37.319722222",
    ]
    expected = [(112 + 15 / 60 + 32 / 3600, 37 + 20 / 60 + 11 / 3600),
                (112 + 16 / 60 + 32 / 3600, 37 + 20 / 60 + 11 / 3600),
                (112 + 16 / 60 + 32 / 3600, 37 + 19 / 60 + 11 / 3600)]  # fmt: skip
    for text in texts:
        parsed = parse_corners(text)
        assert parsed.problem == "", text
        assert parsed.rings[0] == pytest.approx(np.asarray(expected), abs=1e-9)


def test_rings_of_the_register_holes_and_second_parts() -> None:
    text = "3,4," + "".join(
        ("" if at == 0 else f"{len(ring)},") + joined(ring, "{n},{x},{y},", zone="37") + "*,1300,900,,"
        for at, ring in enumerate((SQUARE, HOLE, AWAY))
    )
    parsed = parse_corners(text)
    assert [len(ring) for ring in parsed.rings] == [4, 4, 3]
    assert parsed.rings[0][0].tolist() == [37512300.25, 4123400.5]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("1,4123400.5,512300.25 2,4123400.5", "there are 3 coordinates, which make no pairs"),
        ("1,5," + joined(SQUARE, "{n},{x},{y},"), "the first of 5 corners; there are 1 rings, the first of 4"),
        ("2,4," + joined(SQUARE, "{n},{x},{y},") + "*,0,0,,", "says 2 rings"),
        ("1,4123400.5,37512300.25 2,4123400.5,37512700.25 3,4123100.5,375127", "may be cut short"),
        ("1,4123400.5,4123400.5 2,4123400.5,512700.25", "is no pair of northing and easting"),
        ("1,9999999999,512300.25", "is no pair"),
        ("1," * 3_000_000, "the text has 6000000 characters"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said(text: str, problem: str) -> None:
    import re

    assert re.search(problem, parse_corners(text).problem)
    assert not parse_corners(text).rings


@pytest.mark.parametrize("text", ["", "见附图", "C1400002010123110001234", "约3公里", "***", "无"])
def test_texts_without_corners(text: str) -> None:
    assert not parse_corners(text).rings


def write(folder: Path, text: str, name: str = "采矿权.csv") -> Path:
    path = folder / name
    path.write_text(text, encoding="gb18030")
    return path


def area_m2(polygon: shapely.Polygon) -> float:
    return abs(GEOD.geometry_area_perimeter(polygon)[0])


def test_a_licence_table_becomes_areas(tmp_path: Path) -> None:
    bow = [SQUARE[0], SQUARE[2], SQUARE[1], SQUARE[3]]
    text = "许可证号,矿山名称,开采矿种,拐点坐标(37带),东坐标,北坐标\n"
    text += f'L1,甲,煤,"{joined(SQUARE, "{n},{x},{y};", zone="37")}",37512500,4123250\n'
    two = joined(SQUARE, "{n},{x},{y},", zone="37") + "*,1300,900,," + "4," + joined(HOLE, "{n},{x},{y},", zone="37")
    text += f'L2,乙,煤,"2,4,{two}*,0,0,,",37512500,4123250\n'
    text += f'L3,丙,煤,"{joined(bow, "{n},{x},{y};", zone="37")}",37512500,4123250\n'
    text += 'L4,丁,煤,"1,4123400.5,37512300.25;2,4123400.5,37512700.25",37512500,4123250\n'
    text += "L5,戊,煤,,37512500,4123250\n"
    loaded = load_layer(write(tmp_path, text), kind="open_pit", crs="EPSG:4546", columns={"id": "许可证号"})
    frame = loaded.frame.set_index("id")
    corners = geographic_transform(parse_crs(4546))(RING[:, 0], RING[:, 1])
    expected = shapely.Polygon(np.column_stack(corners))
    # Edges are densified to a millimetre, over 1.4 km of them.
    assert frame.loc["L1", "geometry"].symmetric_difference(expected).area / expected.area < 1.5e-5
    assert area_m2(frame.loc["L1", "geometry"]) == pytest.approx(400 * 300, rel=1e-5)
    assert area_m2(frame.loc["L2", "geometry"]) == pytest.approx(400 * 300 - 100 * 100, rel=1e-5)
    assert len(frame.loc["L2", "geometry"].interiors) == 1
    assert frame.loc["L5", "geometry"].geom_type == "Point"
    issues = {issue.code: issue for issue in loaded.report.issues}
    assert issues["corners_missing"].rows == (6,)
    assert loaded.rejects[["source_row", "reason"]].to_numpy().tolist() == [
        [4, "corners_not_usable"], [5, "corners_not_usable"],
    ]  # fmt: skip
    # A bow tie is no half of the square: the order of its corners is in doubt.
    assert "crosses itself: check the corners' order" in loaded.rejects.loc[0, "detail"]
    assert loaded.rejects.loc[1, "detail"] == "拐点坐标(37带): a ring has 2 corners, an area needs 3"
    assert loaded.report.rows_read == 5 == loaded.report.rows_used + loaded.report.rows_rejected


def test_one_cell_with_one_pair_is_a_point_and_with_several_a_line(tmp_path: Path) -> None:
    text = '编号,名称,经纬度\nA,甲,"112.51,37.81"\nB,乙,"37°48′36″N 112°30′36″E"\nC,丙,村东\n'
    loaded = load_layer(write(tmp_path, text), kind="school", crs="CGCS2000")
    assert loaded.frame.geometry.iloc[0].coords[0] == (112.51, 37.81)
    assert loaded.frame.geometry.iloc[1].coords[0] == pytest.approx((112.51, 37.81))
    assert loaded.rejects["reason"].tolist() == ["corners_not_usable"]
    text = '编号,坐标串\nG1,"112.510,37.810;112.520,37.820;112.530,37.810"\n'
    line = load_layer(write(tmp_path, text), kind="pipeline", crs="CGCS2000").frame.geometry.iloc[0]
    assert line.geom_type == "LineString"
    assert list(line.coords) == [(112.51, 37.81), (112.52, 37.82), (112.53, 37.81)]


def moved(corners: list[tuple[float, float]], north: float, east: float) -> list[tuple[float, float]]:
    return [(x + north, y + east) for x, y in corners]


KILOMETRE = [(4123000.0, 512000.0), (4123000.0, 513000.0), (4124000.0, 513000.0), (4124000.0, 512000.0)]
FAR = moved(KILOMETRE, 2200, 3500)
INSIDE = [(4123400.0, 512400.0), (4123400.0, 512600.0), (4123600.0, 512600.0), (4123600.0, 512400.0)]


def pairs(corners: list[tuple[float, float]], between: str = ";", first: int = 0) -> str:
    start = "{n}," if first else ""
    return between.join(
        (start + "{x:.2f},{y:.2f}").format(n=n, x=x, y=y) for n, (x, y) in enumerate(corners, start=first or 1)
    )


SEVERAL = {
    "bar": lambda one, two: f"{pairs(one)}|{pairs(two)}",
    "numbered bar": lambda one, two: f"1:{pairs(one)}|2:{pairs(two)}",
    "full-width bar": lambda one, two: f"{pairs(one)}｜{pairs(two)}",
    "slashes": lambda one, two: f"{pairs(one)}//{pairs(two)}",
    "blank line": lambda one, two: pairs(one, "\n") + "\n \n" + pairs(two, "\n"),
    "blank line of a spreadsheet": lambda one, two: pairs(one, "\r\n") + "\r\n\r\n" + pairs(two, "\r\n"),
    "numbers begin again": lambda one, two: pairs(one, first=1) + ";" + pairs(two, first=1),
    "continued numbers": lambda one, two: pairs(one, first=1) + "|" + pairs(two, first=5),
    "continued numbers, closed": lambda one, two: pairs([*one, one[0]], first=1) + ";" + pairs([*two, two[0]], first=6),
}


@pytest.mark.parametrize("form", SEVERAL)
def test_two_areas_or_a_hole_in_one_cell(form: str) -> None:
    from sxrisk.layers.tables.corners import corner_shapes

    two, hole = (SEVERAL[form](KILOMETRE, other) for other in (FAR, INSIDE))
    shapes, problems, _ = corner_shapes([two, hole], ("polygon", "point"))
    assert problems == ["", ""]
    assert shapes[0].geom_type == "MultiPolygon"
    assert shapes[0].area == pytest.approx(2e6)
    assert len(shapes[1].interiors) == 1
    assert shapes[1].area == pytest.approx(0.96e6)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (pairs(KILOMETRE, first=1) + ";" + pairs(FAR, first=5), "crosses itself.*several areas"),
        # Begun elsewhere, the second square leaves no crossing but two edges of four kilometres.
        (pairs(KILOMETRE) + ";" + pairs([*FAR[2:], *FAR[:2]]), "crosses itself|times longer than all others"),
        (pairs(KILOMETRE) + ";" + pairs(moved([*KILOMETRE[1:], KILOMETRE[0]][::-1], 0, 6000)), "crosses|longer"),
        (pairs([KILOMETRE[0], KILOMETRE[2], KILOMETRE[1], KILOMETRE[3]]), "check the corners' order"),
        (pairs(KILOMETRE) + "|" + pairs(FAR[:2]), "a ring has 2 corners"),
        (pairs(KILOMETRE) + ";4123000|" + pairs(FAR) + ";512000", "half a pair"),
        (pairs(KILOMETRE) + "|" + pairs([FAR[0], FAR[2], FAR[1], FAR[3]]), "ring 2: .*crosses itself"),
        ("-112.5,37.5;112.6,37.5;112.6,37.6", r"\(-112.5, 37.5\) is no pair"),
        ("112.5,37.5;112.6 −37.5;112.6,37.6", r"\(112.6, -37.5\) is no pair"),
        ('"4,123,456.12" "38,376,198.27";"4,123,556.12" "38,376,198.27"', "4,123,456.12 is written with thousands"),
    ],
)  # fmt: skip
def test_what_may_be_several_areas_is_not_guessed(text: str, problem: str) -> None:
    import re

    from sxrisk.layers.tables.corners import corner_shapes

    shapes, problems, _ = corner_shapes([text], ("polygon", "point"))
    assert shapes[0] is None
    assert re.search(problem, problems[0])


def test_bars_between_single_corners_and_long_areas_stay_one_ring() -> None:
    from sxrisk.layers.tables.corners import corner_shapes

    bars = pairs(KILOMETRE, "|")
    inner = ";".join(f"{x}|{y}" for x, y in KILOMETRE)
    strip = pairs([(4123000, 512000), (4123000, 522000), (4123100, 522000), (4123100, 512000)])
    heights = "1,4," + joined(KILOMETRE, "{n},{x},{y},") + "*,-50.5,-120,,"
    shapes, problems, _ = corner_shapes([bars, inner, strip, heights], ("polygon",))
    assert problems == [""] * 4
    assert [shape.area for shape in shapes] == pytest.approx([1e6] * 4)


def test_packed_degrees_are_told_and_can_be_declared(tmp_path: Path) -> None:
    packed = "112.361000,37.480000;112.371530,37.480000;112.371530,37.490530;112.361000,37.490530"
    plain = "112.361872,37.480914;112.371872,37.480914;112.371872,37.496914;112.361872,37.496914"
    text = '编号,名称,拐点坐标{}\nA,甲,"' + packed + '"\nB,乙,"' + plain + '"\n'
    loaded = load_layer(write(tmp_path, text.format("")), kind="open_pit", crs="CGCS2000")
    issue = next(issue for issue in loaded.report.issues if issue.code == "packed_degrees_possible")
    assert issue.rows == (2,)
    assert loaded.frame.geometry.iloc[0].bounds[0] == pytest.approx(112.361)
    loaded = load_layer(write(tmp_path, text.format("（度.分秒）")), kind="open_pit", crs="CGCS2000")
    assert "packed_degrees_possible" not in {issue.code for issue in loaded.report.issues}
    expected = (112 + 36 / 60 + 10 / 3600, 37.8, 112 + 37 / 60 + 15.3 / 3600, 37 + 49 / 60 + 5.3 / 3600)
    assert loaded.frame.geometry.iloc[0].bounds == pytest.approx(expected, abs=1e-6)
    assert loaded.rejects["reason"].tolist() == ["corners_not_usable"]
    assert "37.496914 is said to be degrees.minutes seconds" in loaded.rejects.loc[0, "detail"]


def test_corners_that_no_cell_writes_usably_are_still_corners(tmp_path: Path) -> None:
    from sxrisk.errors import InputError

    text = '编号,名称,拐点坐标\nA,甲,"""4,123,456.12"" ""38,376,198.27"";""4,123,556.12"" ""38,376,198.27"""\n'
    with pytest.raises(InputError, match=r"1 corners_not_usable; .*thousands separators"):
        load_layer(write(tmp_path, text), kind="open_pit", crs="CGCS2000")


def rows_of(name: str, corners: list[tuple[float, float]], order: list[int] | None = None) -> str:
    numbers = order or range(1, len(corners) + 1)
    return "".join(f"{name},{n},{corners[n - 1][0]},{corners[n - 1][1]}\n" for n in numbers)


def test_one_row_a_corner(tmp_path: Path) -> None:
    text = "矿山名称,拐点号,X,Y\n" + rows_of("甲矿", SQUARE) + rows_of("", AWAY).replace(",1,", ",1,", 1)
    text = text.replace("\n,1,", "\n乙矿,1,", 1)
    text += rows_of("丙矿", SQUARE, [1, 3, 2, 4]) + rows_of("丁矿", SQUARE) + rows_of("丁矿", HOLE)
    text += rows_of("戊矿", SQUARE).replace("4123100.5", "缺", 1) + "合计,,,\n"
    loaded = load_layer(write(tmp_path, text), kind="open_pit", crs="EPSG:4546")
    frame = loaded.frame.set_index("name")
    assert list(frame.index) == ["甲矿", "乙矿", "丙矿", "丁矿"]
    assert area_m2(frame.loc["甲矿", "geometry"]) == pytest.approx(400 * 300, rel=1e-5)
    assert area_m2(frame.loc["乙矿", "geometry"]) == pytest.approx(100 * 100 / 2, rel=1e-4)
    assert frame.loc["丙矿", "geometry"].equals(frame.loc["甲矿", "geometry"])
    assert area_m2(frame.loc["丁矿", "geometry"]) == pytest.approx(400 * 300 - 100 * 100, rel=1e-5)
    assert frame["source_row"].tolist() == [2, 6, 9, 13]
    assert loaded.rejects[["source_row", "reason"]].to_numpy().tolist() == [
        [21, "corners_not_usable"], [25, "total_row"],
    ]  # fmt: skip
    assert "row 23 is no corner: X = '缺'" in loaded.rejects.loc[0, "detail"]
    report = loaded.report
    assert report.rows_read == 24 == report.rows_filtered + report.rows_used + report.rows_rejected
    issues = {issue.code: issue for issue in report.issues}
    assert issues["corners_joined"].detail == "23 corner rows were joined to 5 areas"
    assert issues["corners_sorted"].rows == (9,)
    assert issues["labels_filled_down"].count == 2


def test_survey_points_with_a_number_stay_points(tmp_path: Path) -> None:
    text = "名称,点号,经度,纬度\n" + "".join(f"村{at},{at},{112.5 + at / 1000},37.5\n" for at in range(6))
    loaded = load_layer(write(tmp_path, text), kind="settlement", crs="CGCS2000")
    assert len(loaded.frame) == 6
    assert set(loaded.frame.geom_type) == {"Point"}


@given(st.text(alphabet="0123456789.,;:*XY°′″-() \n①度", max_size=200))
@settings(max_examples=300, deadline=None)
def test_any_text_gives_rings_in_china_or_a_problem(text: str) -> None:
    parsed = parse_corners(text)
    assert not (parsed.rings and parsed.problem)
    for ring in parsed.rings:
        assert ring.shape[1] == 2
        assert np.isfinite(ring).all()
        assert (ring[:, 1] <= 6e6).all()


@given(
    st.lists(st.tuples(st.integers(4_000_000_00, 4_200_000_00), st.integers(400_000_00, 600_000_00)), min_size=3,
             max_size=30, unique=True),
    st.sampled_from(["{n},{x},{y} ", "({n}){x}, {y};", "X{n}:{x} Y{n}:{y};", "{x},{y}\n"]),
)  # fmt: skip
@settings(max_examples=100, deadline=None)
def test_written_corners_come_back(corners: list[tuple[int, int]], pattern: str) -> None:
    metres = [(x / 100, y / 100) for x, y in corners]
    parsed = parse_corners(joined(metres, pattern))
    assert np.array_equal(parsed.rings[0], np.asarray([(y, x) for x, y in metres]))


@pytest.mark.parametrize("text", ["-112.51,37.10;-112.61,37.20", "(-112.51, 37.10)", "-112°30'15\",37°20'11\""])
def test_a_minus_is_not_lost(text: str) -> None:
    parsed = parse_corners(text)
    assert not parsed.rings and "-112.5" in parsed.problem and "in China" in parsed.problem


def test_a_dash_behind_a_number_is_no_minus() -> None:
    assert parse_corners("J1-112.50,37.10;J2-112.60,37.20").rings[0].tolist() == [[112.5, 37.1], [112.6, 37.2]]
