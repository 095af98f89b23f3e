"""Drawings: curves, blocks, hatches and texts as features; mine plans as goafs with known depth, dip and thickness."""

import math
from collections.abc import Callable
from pathlib import Path

import ezdxf
import numpy as np
import pytest
import shapely
from ezdxf.document import Drawing
from hypothesis import given, settings
from hypothesis import strategies as st

from sxrisk.errors import FileFormatError, InputError, ParameterError
from sxrisk.layers import goafs_from_mine_plan, load_layer, read_layer
from sxrisk.layers.drawings.plan_notes import notes_of_area
from sxrisk.layers.drawings.seam import SeamFloor, SpotFigures, area_cells, fit_floor, mean_over, stray_lines

EAST, NORTH = 500_000.0, 4_150_000.0
SAGITTA = 0.0101


def at(x: float, y: float) -> tuple[float, float]:
    return EAST + x, NORTH + y


def square(x: float, y: float, side: float) -> list[tuple[float, float]]:
    return [at(x, y), at(x + side, y), at(x + side, y + side), at(x, y + side)]


def saved(document: Drawing, path: Path) -> Path:
    document.saveas(path)
    return path


def metres(frame: object) -> object:
    return frame.to_crs(4547).geometry  # type: ignore[attr-defined]


def test_hatches_with_holes_arcs_and_edges(tmp_path: Path) -> None:
    document = ezdxf.new("R2010")
    space = document.modelspace()
    ring = space.add_hatch()
    ring.paths.add_polyline_path(square(0, 0, 100), is_closed=True)
    ring.paths.add_polyline_path(square(20, 20, 60), is_closed=True, flags=0)
    ring.paths.add_polyline_path(square(40, 40, 20), is_closed=True, flags=0)
    disc = space.add_hatch()
    disc.paths.add_polyline_path([(*at(1000, 0), 1.0), (*at(2000, 0), 1.0)], is_closed=True)
    half = space.add_hatch().paths.add_edge_path()
    half.add_arc(at(3000, 0), 500, 0, 180)
    half.add_line(at(2500, 0), at(3500, 0))
    oval = space.add_hatch().paths.add_edge_path()
    oval.add_ellipse(at(5000, 0), (300, 0), 0.5, 0, 360)
    space.add_solid([at(0, 500), at(10, 500), at(0, 510), at(10, 510)])
    frame = read_layer(saved(document, tmp_path / "a.dxf"), kind="open_pit", crs=4547)
    assert frame["cad_type"].tolist() == ["HATCH"] * 4 + ["SOLID"]
    areas = metres(frame).area.tolist()
    expected = [100**2 - 60**2 + 20**2, math.pi * 500**2, math.pi * 500**2 / 2, math.pi * 300 * 150, 100.0]
    assert areas == pytest.approx(expected, rel=1e-4)
    disc_ring = shapely.get_coordinates(metres(frame).iloc[1])
    # The door cuts long edges, whose new vertices lie on the chords: nothing leaves the circle by more.
    assert np.abs(np.hypot(*(disc_ring - at(1500, 0)).T) - 500).max() < SAGITTA + 0.002


def test_blocks_become_places_with_their_attributes(tmp_path: Path) -> None:
    document = ezdxf.new("R2010")
    block = document.blocks.new("井口")
    block.add_circle((0, 0), 2)
    block.add_attdef("名称", (0, 0))
    for number, angle in ((1, 0), (2, 90)):
        insert = document.modelspace().add_blockref("井口", at(100 * number, 0), dxfattribs={"rotation": angle})
        insert.add_auto_attribs({"名称": f"{number}号风井"})
        insert.add_attrib("从业人数", str(10 * number), at(100 * number, 5))
    frame = read_layer(saved(document, tmp_path / "a.dxf"), kind="enterprise", crs=4547)
    assert frame["name"].tolist() == ["1号风井", "2号风井"]
    assert frame["employees"].tolist() == [10.0, 20.0]
    assert frame["cad_block"].tolist() == ["井口"] * 2
    assert metres(frame).iloc[1].x == pytest.approx(EAST + 200, abs=1e-4)


def test_blocks_that_draw_areas_or_lines(tmp_path: Path) -> None:
    document = ezdxf.new("R2010")
    house = document.blocks.new("房屋")
    house.add_lwpolyline([(0, 0), (10, 0), (10, 10), (0, 10)], close=True)
    document.blocks.new("两栋").add_blockref("房屋", (0, 0))
    document.blocks.get("两栋").add_blockref("房屋", (20, 0), dxfattribs={"xscale": 2, "yscale": 2})
    document.modelspace().add_blockref("两栋", at(0, 0), dxfattribs={"rotation": 30})
    path = saved(document, tmp_path / "a.dxf")
    frame = read_layer(path, kind="waste_dump", crs=4547)
    assert metres(frame).area.iloc[0] == pytest.approx(100 + 400, rel=1e-4)
    assert len(read_layer(path, kind="road", crs=4547).geometry.iloc[0].geoms) == 2


def test_a_block_bomb_is_a_reject_and_no_hang(tmp_path: Path) -> None:
    document = ezdxf.new("R2010")
    document.blocks.new("b0").add_lwpolyline([(0, 0), (1, 0), (1, 1)], close=True)
    for level in range(1, 8):
        block = document.blocks.new(f"b{level}")
        for _ in range(20):
            block.add_blockref(f"b{level - 1}", (0, 0))
    document.modelspace().add_blockref("b7", at(0, 0))
    many = {"row_count": 30_000, "column_count": 30_000, "row_spacing": 1, "column_spacing": 1}
    document.modelspace().add_blockref("b0", at(0, 0), dxfattribs=many)
    document.modelspace().add_lwpolyline(square(0, 0, 10), close=True)
    loaded = load_layer(saved(document, tmp_path / "a.dxf"), kind="waste_dump", crs=4547)
    assert loaded.rejects["reason"].tolist() == ["unsupported_entity"] * 2
    assert loaded.rejects["detail"].str.contains("draws more than 20000 parts").all()


def test_texts_in_and_beside_features_name_them(tmp_path: Path) -> None:
    document = ezdxf.new("R2010")
    space = document.modelspace()
    space.add_lwpolyline(square(0, 0, 1000), close=True)
    space.add_lwpolyline(square(100, 100, 200), close=True)
    space.add_text("大采场", height=10, dxfattribs={"insert": at(600, 600)})
    space.add_text("1250.5", height=10, dxfattribs={"insert": at(650, 700)})
    space.add_mtext(r"{\fSimSun|b0;\C1;小\P采场}", dxfattribs={"insert": at(150, 200), "char_height": 10})
    space.add_text("边坡监测", height=5, dxfattribs={"insert": at(1015, 500)})
    space.add_text("与谁都无关", height=5, dxfattribs={"insert": at(1500, 500)})
    loaded = load_layer(saved(document, tmp_path / "a.dxf"), kind="open_pit", crs=4547)
    assert loaded.frame["name"].tolist() == ["大采场", "小 采场"]
    assert loaded.frame["cad_text"].tolist() == ["大采场; 1250.5; 边坡监测", "小 采场"]
    assert loaded.rejects["detail"].tolist() == ["a TEXT is no place"]
    assert "与谁都无关" in loaded.rejects["original"].iloc[0]
    report = loaded.report
    assert (report.rows_read, report.rows_filtered, report.rows_used, report.rows_rejected) == (3, 0, 2, 1)
    assert next(issue for issue in report.issues if issue.code == "texts_as_names").count == 4


@pytest.mark.parametrize("page", ["ANSI_936", "ANSI_1252", None])
@pytest.mark.parametrize("version", ["R2000", "R12"])
def test_chinese_texts_whatever_the_code_page_says(tmp_path: Path, version: str, page: str | None) -> None:
    document = ezdxf.new(version)
    document.encoding = "gbk"
    document.modelspace().add_point(at(0, 0), dxfattribs={"layer": "LAYER"})
    document.modelspace().add_text("XXXX", height=5, dxfattribs={"insert": at(1, 0)})
    data = saved(document, tmp_path / "a.dxf").read_bytes()
    data = data.replace(b"XXXX", "合山煤矿".encode("gbk")).replace(b"LAYER", "井口".encode("gbk"))
    stated = b"  9\n$DWGCODEPAGE\n  3\n"
    start = data.index(b"$DWGCODEPAGE")
    begin, end = data.rindex(b"  9", 0, start), data.index(b"\n", data.index(b"\n  3\n", start) + 5) + 1
    replacement = b"" if page is None else stated + page.encode() + b"\n"
    (tmp_path / "a.dxf").write_bytes(data[:begin] + replacement + data[end:])
    loaded = load_layer(tmp_path / "a.dxf", kind="enterprise", crs=4547)
    assert loaded.frame[["name", "cad_layer"]].to_numpy().tolist() == [["合山煤矿", "井口"]]
    assert (page != "ANSI_936") == any(issue.code == "encoding_guessed" for issue in loaded.report.issues)


def test_one_cad_layer_and_hidden_ones(tmp_path: Path) -> None:
    document = ezdxf.new("R2010")
    document.layers.add("旧").off()
    document.modelspace().add_lwpolyline(square(0, 0, 10), close=True, dxfattribs={"layer": "旧"})
    document.modelspace().add_lwpolyline(square(50, 0, 10), close=True, dxfattribs={"layer": "新"})
    path = saved(document, tmp_path / "a.dxf")
    loaded = load_layer(path, kind="open_pit", crs=4547, layer="新")
    assert (loaded.report.rows_read, loaded.report.rows_filtered, loaded.report.rows_used) == (1, 0, 1)
    codes = {issue.code for issue in loaded.report.issues}
    assert {"hidden_layers_read", "other_cad_layers"} <= codes
    with pytest.raises(FileFormatError, match="there is no CAD layer '别'; expected one of 新, 旧"):
        read_layer(path, kind="open_pit", crs=4547, layer="别")


def test_a_dwg_is_told_what_to_do(tmp_path: Path) -> None:
    for name in ("a.dwg", "a.dxf"):
        path = tmp_path / name
        path.write_bytes(b"AC1032" + bytes(1000))
        with pytest.raises(FileFormatError, match=r"Save it as DXF \(R2000 or later\)"):
            read_layer(path, kind="goaf", crs=4547)


def plan(
    floor: Callable[[float, float], float], contour: Callable[[float], list], levels: range, *, labels: bool = False,
    thickness: Callable[[float, float], float] | None = None,
) -> Drawing:  # fmt: skip
    """A plan with contours of the given lines, as elevations or with figures beside them, and one goaf of 200 m."""
    document = ezdxf.new("R2010")
    space = document.modelspace()
    for level in levels:
        line = contour(level)
        height = {} if labels else {"elevation": level}
        space.add_lwpolyline([at(*point) for point in line], dxfattribs={"layer": "3号煤底板等高线", **height})
        if labels:
            middle = np.mean([line[0], line[-1]], axis=0)
            # Along the line, one text height beside it.
            run = np.subtract(line[1], line[0]) / math.dist(*line)
            beside = middle + 4 * np.asarray([-run[1], run[0]])
            turn = math.degrees(math.atan2(run[1], run[0]))
            attributes = {"layer": "3号煤底板等高线", "insert": at(*beside), "rotation": turn}
            space.add_text(f"+{level}", height=4, dxfattribs=attributes)
    space.add_lwpolyline(square(100, 100, 200), close=True, dxfattribs={"layer": "采空区"})
    space.add_text("3101工作面", height=8, dxfattribs={"insert": at(150, 200), "layer": "注记"})
    if thickness is not None:
        for x in (0, 150, 400):
            for y in (0, 220, 400):
                text = f"煤厚 {thickness(x, y):.4f}m"
                mtext = space.add_mtext(text, dxfattribs={"layer": "煤厚", "insert": at(x, y), "char_height": 4})
                mtext.dxf.attachment_point = 5
    space.add_lwpolyline(square(-500, -500, 2000), close=True, dxfattribs={"layer": "图框"})
    return document


def inclined(dip: float, azimuth: float) -> tuple[Callable[[float, float], float], Callable[[float], list]]:
    """Floor of a seam that falls towards an azimuth, 800 m at the origin of the plan; and its contours as lines."""
    fall, toward = math.tan(math.radians(dip)), math.radians(azimuth)
    east, north = math.sin(toward), math.cos(toward)

    def contour(level: float) -> list[tuple[float, float]]:
        away = (800 - level) / fall
        middle = np.asarray([east, north]) * away
        along = np.asarray([-north, east])
        return [tuple(middle - 900 * along), tuple(middle + 900 * along)]

    return (lambda x, y: 800 - fall * (x * east + y * north)), contour


@pytest.mark.parametrize("labels", [False, True])
@pytest.mark.parametrize(("dip", "azimuth"), [(5, 0), (12.5, 135), (30, 250)])
def test_an_inclined_seam_gives_its_dip_and_depth(tmp_path: Path, dip: float, azimuth: float, labels: bool) -> None:
    floor, contour = inclined(dip, azimuth)
    step = 10
    document = plan(floor, contour, range(400, 1200, step), labels=labels, thickness=lambda x, y: 2 + x / 400)
    path = saved(document, tmp_path / "plan.dxf")
    loaded = goafs_from_mine_plan(path, crs=4547, ground=lambda x, y: 1500 + (x - EAST) / 100, ground_sigma_m=2.0)
    goaf = loaded.frame.iloc[0]
    assert len(loaded.frame) == 1
    assert goaf["name"] == "3101工作面"
    assert goaf["dip_deg"] == pytest.approx(dip, abs=1e-6)
    assert goaf["dip_direction_deg"] == pytest.approx(azimuth, abs=1e-6) or azimuth == 0
    assert math.cos(math.radians(goaf["dip_direction_deg"] - azimuth)) == pytest.approx(1, abs=1e-12)
    assert goaf["floor_elevation_m"] == pytest.approx(floor(200, 200), abs=1e-6)
    assert goaf["ground_elevation_m"] == pytest.approx(1502, abs=1e-6)
    assert goaf["depth_m"] == pytest.approx(1502 - floor(200, 200), abs=1e-6)
    assert goaf["depth_min_m"] < goaf["depth_m"] < goaf["depth_max_m"]
    assert goaf["depth_sigma_m"] == pytest.approx(2.0, abs=1e-6)
    assert goaf["dip_sigma_deg"] == pytest.approx(0.0, abs=1e-6)
    # The thickness is a plane as well: its mean over the square is its value in the middle.
    assert goaf["thickness_m"] == pytest.approx(2.5, abs=1e-6)
    assert goaf["thickness_sigma_m"] == pytest.approx(0.0, abs=1e-3)
    report = loaded.report
    assert report.rows_read == report.rows_filtered + report.rows_used + report.rows_rejected
    told = next(issue for issue in report.issues if issue.code == "other_cad_layers")
    assert "图框 (1)" in told.detail


def test_a_plan_is_recognised_by_its_layers(tmp_path: Path) -> None:
    floor, contour = inclined(8, 90)
    document = plan(floor, contour, range(600, 900, 5))
    path = saved(document, tmp_path / "plan.dxf")
    loaded = load_layer(path, kind="goaf", crs=4547)
    assert loaded.frame["dip_deg"].iloc[0] == pytest.approx(8, abs=1e-6)
    # Without the ground there is no depth: the floor is what is known.
    assert np.isnan(loaded.frame["depth_m"].iloc[0])
    assert loaded.frame["floor_elevation_m"].iloc[0] == pytest.approx(floor(200, 200), abs=1e-6)
    issue = next(issue for issue in loaded.report.issues if issue.code == "depth_not_determined")
    assert "the ground's elevation is not known" in issue.detail
    for x, y in ((0, 0), (400, 0), (0, 400), (400, 400)):
        attributes = {"layer": "地面标高", "insert": at(x, y), "halign": 1, "align_point": at(x, y)}
        document.modelspace().add_text(f"{1200 + x / 10:g}", height=4, dxfattribs=attributes)
    loaded = load_layer(saved(document, path), kind="goaf", crs=4547)
    assert loaded.frame["depth_m"].iloc[0] == pytest.approx(1220 - floor(200, 200), abs=1e-6)


def test_a_hatched_outline_is_one_goaf(tmp_path: Path) -> None:
    _, contour = inclined(8, 90)
    document = plan(lambda x, y: 0.0, contour, range(600, 900, 5))
    document.modelspace().add_hatch(dxfattribs={"layer": "采空区"}).paths.add_polyline_path(square(100, 100, 200))
    document.modelspace().add_hatch(dxfattribs={"layer": "采空区"}).paths.add_polyline_path(square(600, 100, 50))
    loaded = load_layer(saved(document, tmp_path / "a.dxf"), kind="goaf", crs=4547)
    assert loaded.frame["cad_type"].tolist() == ["LWPOLYLINE", "HATCH"]
    assert next(issue for issue in loaded.report.issues if issue.code == "hatch_of_outline").count == 1
    report = loaded.report
    assert report.rows_read == report.rows_filtered + report.rows_used + report.rows_rejected


def test_few_contours_are_sought_around_the_area(tmp_path: Path) -> None:
    floor, contour = inclined(2, 90)
    document = plan(floor, contour, range(700, 901, 10))
    goaf = goafs_from_mine_plan(saved(document, tmp_path / "a.dxf"), crs=4547, ground=1500.0).frame.iloc[0]
    assert goaf["dip_deg"] == pytest.approx(2, abs=1e-6)
    assert goaf["floor_search_m"] > 0
    lonely = plan(floor, contour, range(790, 791))
    loaded = goafs_from_mine_plan(saved(lonely, tmp_path / "b.dxf"), crs=4547, ground=1500.0)
    assert np.isnan(loaded.frame["dip_deg"].iloc[0])
    assert {"floor_not_determined", "depth_not_determined"} <= {issue.code for issue in loaded.report.issues}


def test_contradicting_and_unlabelled_contours_are_told(tmp_path: Path) -> None:
    floor, contour = inclined(8, 90)
    document = plan(floor, contour, range(600, 900, 5), labels=True)
    first = contour(780)
    wrong = {"layer": "3号煤底板等高线", "insert": at(first[0][0] * 0.6 + first[1][0] * 0.4 + 3, 203 - 2)}
    document.modelspace().add_text("770", height=4, dxfattribs=wrong)
    line = [at(5000, 0), at(5100, 0)]
    document.modelspace().add_lwpolyline(line, dxfattribs={"layer": "3号煤底板等高线"})
    loaded = goafs_from_mine_plan(saved(document, tmp_path / "a.dxf"), crs=4547, ground=1500.0)
    issues = {issue.code: issue for issue in loaded.report.issues}
    assert issues["contours_contradicted"].count == 1
    assert issues["contours_without_elevation"].count == 1
    assert loaded.frame["dip_deg"].iloc[0] == pytest.approx(8, abs=1e-6)


def labelled_beside(path: Path, height: float, dip: float = 30, azimuth: float = 250) -> Path:
    """Contours every 10 m whose horizontal labels begin beside them and end near the next one."""
    _, contour = inclined(dip, azimuth)
    document = ezdxf.new("R2010")
    space = document.modelspace()
    for level in range(400, 1200, 10):
        line = contour(level)
        space.add_lwpolyline([at(*point) for point in line], dxfattribs={"layer": "底板等高线"})
        place = at(*np.add(np.mean(line, axis=0), 2))
        space.add_text(f"+{level}", height=height, dxfattribs={"layer": "底板等高线", "insert": place})
    space.add_lwpolyline(square(100, 100, 200), close=True, dxfattribs={"layer": "采空区"})
    return saved(document, path)


def test_labels_nearer_to_the_next_contour_are_told_or_left_out(tmp_path: Path) -> None:
    floor, _ = inclined(30, 250)
    loaded = goafs_from_mine_plan(labelled_beside(tmp_path / "a.dxf", 5), crs=4547, ground=1500.0)
    issues = [issue for issue in loaded.report.issues if issue.code == "contours_contradicted"]
    assert any("labels may belong to neighbouring lines" in issue.detail for issue in issues)
    assert loaded.frame["dip_deg"].iloc[0] == pytest.approx(30, abs=1e-6)
    assert loaded.frame["floor_elevation_m"].iloc[0] == pytest.approx(floor(200, 200), abs=1e-6)
    # Where all labels stand nearer to the next contour nothing contradicts them, but they stand between two.
    loaded = goafs_from_mine_plan(labelled_beside(tmp_path / "b.dxf", 7), crs=4547, ground=1500.0)
    assert abs(loaded.frame["floor_elevation_m"].iloc[0] - floor(200, 200)) > 9
    assert "contour_labels_doubtful" in {issue.code for issue in loaded.report.issues}


def test_strays_are_no_folds() -> None:
    along = np.arange(0.0, 301.0, 10)
    area = shapely.box(50, 50, 250, 250)

    def floor_of(levels: list[float]) -> SeamFloor:
        x = np.concatenate([np.full(along.shape, 20.0 * at) for at in range(len(levels))])
        z, line = (np.repeat(part, len(along)) for part in (np.asarray(levels), np.arange(len(levels))))
        return SeamFloor(x, np.tile(along, len(levels)), z.astype(float), line)

    straight = [800.0 + 10 * at for at in range(15)]
    assert stray_lines(floor_of(straight), area) == []
    wrong = straight.copy()
    wrong[6] += 10
    assert stray_lines(floor_of(wrong), area) == [6]
    assert stray_lines(floor_of([800.0 + 10 * abs(at - 7) for at in range(15)]), area) == []
    assert stray_lines(floor_of(straight[:4]), area) == []


def test_outlines_left_open_are_closed_or_told(tmp_path: Path) -> None:
    document = ezdxf.new("R2010")
    space = document.modelspace()
    for x, gap in ((0, 0.05), (500, -0.05), (1000, 0.6), (1500, 30.0)):
        # A negative gap is a line drawn past its own beginning.
        ring = [*square(x, 0, 200), at(x, 0 + gap)]
        space.add_lwpolyline(ring, dxfattribs={"layer": "采空区"})
    space.add_lwpolyline([at(5000, 0), at(5000.1, 0), at(5000.1, 0.1), at(5000, 0.1), at(5000, 0.05)],
                         dxfattribs={"layer": "采空区"})  # fmt: skip
    space.add_text("2018.5  采厚3.2m  3#煤", height=5, dxfattribs={"layer": "文字", "insert": at(60, 100)})
    space.add_text("3101老空区 2001年3月-2003年", height=5, dxfattribs={"layer": "文字", "insert": at(520, 100)})
    loaded = load_layer(saved(document, tmp_path / "plan.dxf"), kind="goaf", crs=4547)
    frame = loaded.frame
    assert metres(frame).area.tolist() == pytest.approx([200 * 200] * 3, rel=1e-3)
    assert frame["thickness_m"].tolist()[0] == 3.2
    assert [str(day)[:10] for day in frame["stopped_on"]] == ["2018-05-01", "2003-01-01", "NaT"]
    assert frame["name"].tolist() == ["", "3101老空区", ""]
    issues = {issue.code: issue for issue in loaded.report.issues}
    assert issues["ring_closed"].rows == (1, 2, 3)
    assert "up to 0.6 m apart" in issues["ring_closed"].detail
    assert issues["depth_not_determined"].count == 3
    assert loaded.rejects[["reason", "detail"]].to_numpy().tolist() == [
        ["ring_not_closed", "the LWPOLYLINE is not closed, gap 30 m"],
        ["ring_not_closed", "the LWPOLYLINE is not closed, gap 0.05 m"],
    ]
    report = loaded.report
    assert (report.rows_read, report.rows_filtered, report.rows_used, report.rows_rejected) == (5, 0, 3, 2)


@pytest.mark.parametrize(
    ("text", "name", "columns"),
    [
        ("2018.5", "", {"stopped_on": "2018-05"}),
        ("1998-06-03", "", {"stopped_on": "1998-06-03"}),
        ("采高3.0~3.4m 2005年7月", "", {"stopped_on": "2005-07"}),
        ("采厚：2米", "", {"thickness_m": "2"}),
        ("采厚320cm", "采厚320cm", {}),
        ("标高2018.5m", "标高2018.5m", {}),
        ("K2018.5", "K2018.5", {}),
        ("2018.13", "", {}),
        ("3号煤层采空区", "采空区", {}),
        ("3101工作面（２０１８年５月）", "3101工作面", {"stopped_on": "2018-05"}),
    ],
)
def test_notes_of_areas(text: str, name: str, columns: dict[str, str]) -> None:
    assert notes_of_area([text]) == (name, columns)


def test_layers_can_be_named_and_eastings_name_their_zone(tmp_path: Path) -> None:
    document = ezdxf.new("R2010")
    space = document.modelspace()
    for level in range(700, 900, 10):
        line = [(38_500_000 + 10 * (900 - level), NORTH), (38_500_000 + 10 * (900 - level), NORTH + 500)]
        space.add_polyline3d([(x, y, level) for x, y in line], dxfattribs={"layer": "DGX"})
    corners = [(38_500_400, NORTH), (38_500_600, NORTH), (38_500_600, NORTH + 200), (38_500_400, NORTH + 200)]
    space.add_lwpolyline(corners, close=True, dxfattribs={"layer": "CKQ"})
    path = saved(document, tmp_path / "a.dxf")
    loaded = goafs_from_mine_plan(path, crs="CGCS2000", goaf_layers=["CKQ"], contour_layers=["DGX"], ground=1300.0)
    assert loaded.frame["dip_deg"].iloc[0] == pytest.approx(math.degrees(math.atan(0.1)), abs=1e-6)
    assert loaded.frame["depth_m"].iloc[0] == pytest.approx(1300 - 850, abs=1e-6)
    assert loaded.frame.to_crs(4526).geometry.iloc[0].centroid.x == pytest.approx(38_500_500, abs=0.01)
    with pytest.raises(ParameterError, match="there is no CAD layer '采空' for goaf"):
        goafs_from_mine_plan(path, crs=4547, goaf_layers=["采空"])
    with pytest.raises(FileFormatError, match=r"nothing stands on the layers \(none named\)"):
        goafs_from_mine_plan(path, crs=4547)
    with pytest.raises(ParameterError, match="ground_sigma_m is -1"):
        goafs_from_mine_plan(path, crs=4547, goaf_layers=["CKQ"], ground_sigma_m=-1)


def test_the_ground_of_an_elevation_model(tmp_path: Path) -> None:
    import rioxarray  # noqa: F401
    import xarray as xr

    floor, contour = inclined(8, 90)
    path = saved(plan(floor, contour, range(600, 900, 5)), tmp_path / "a.dxf")
    x, y = EAST + np.arange(-500, 1000, 30.0), NORTH + np.arange(1000, -500, -30.0)
    heights = 1400 + 0.05 * (x[None, :] - EAST) + 0.02 * (y[:, None] - NORTH)
    dem = xr.DataArray(heights, dims=("y", "x"), coords={"y": y, "x": x}).rio.write_crs(4547)
    goaf = goafs_from_mine_plan(path, crs=4547, ground=dem).frame.iloc[0]
    assert goaf["ground_elevation_m"] == pytest.approx(1414, abs=1e-3)
    assert goaf["depth_m"] == pytest.approx(1414 - floor(200, 200), abs=1e-3)
    # Where the model ends there is no ground: less than half of the area gives no depth.
    short = goafs_from_mine_plan(path, crs=4547, ground=dem.where(dem.x < EAST + 150)).frame.iloc[0]
    assert np.isnan(short["depth_m"])


def test_sigmas_cover_noise() -> None:
    rng = np.random.default_rng(7)
    area = shapely.box(0, 0, 300, 300)
    inside = {"dip": 0, "level": 0}
    runs = 200
    for _ in range(runs):
        x, y, z, line = [], [], [], []
        for number, east in enumerate(range(10, 300, 40)):
            along = np.arange(0.0, 301.0, 5)
            # A line is drawn amiss as a whole: shifted and turned.
            shift, turn = rng.normal(0, 1.0), rng.normal(0, 1.0)
            x.append(np.full(along.shape, float(east)))
            y.append(along)
            z.append(800 - 0.1 * east + shift + turn * (along - 150) / 87)
            line.append(np.full(along.shape, number))
        plane = fit_floor(SeamFloor(*map(np.concatenate, (x, y, z, line))), area)
        assert plane is not None
        inside["level"] += abs(plane.level - 785) <= 1.96 * plane.level_sigma
        inside["dip"] += abs(plane.dip_deg - math.degrees(math.atan(0.1))) <= 1.96 * plane.dip_sigma
    assert 0.85 <= inside["level"] / runs <= 1.0
    assert 0.85 <= inside["dip"] / runs <= 1.0


@settings(max_examples=40, deadline=None)
@given(
    dip=st.floats(0.5, 60), azimuth=st.floats(0, 360), x=st.floats(-1e4, 1e4), side=st.floats(20, 3000),
    skew=st.floats(0.1, 10),
)  # fmt: skip
def test_any_plane_is_found_again(dip: float, azimuth: float, x: float, side: float, skew: float) -> None:
    fall = math.tan(math.radians(dip))
    east, north = fall * math.sin(math.radians(azimuth)), fall * math.cos(math.radians(azimuth))
    grid_x, grid_y = (side * part.ravel() for part in np.meshgrid(np.linspace(-1, 2, 9), np.linspace(-1, 2, 9)))
    px, py = EAST + x + grid_x, NORTH + skew * grid_y
    pz = 900 - east * (px - EAST) - north * (py - NORTH)
    area = shapely.box(EAST + x, NORTH, EAST + x + side, NORTH + skew * side)
    plane = fit_floor(SeamFloor(px, py, pz, np.arange(len(px))), area)
    assert plane is not None
    assert plane.dip_deg == pytest.approx(dip, abs=1e-6)
    assert math.cos(math.radians(plane.dip_direction_deg - azimuth)) == pytest.approx(1, abs=1e-9)


def test_cells_and_figures_are_exact_for_planes() -> None:
    area = shapely.Polygon([(0, 0), (100, 10), (70, 90), (20, 60)], [[(30, 30), (50, 30), (40, 45)]])
    x, y, weight = area_cells(area)
    assert mean_over(3 * x - 2 * y, weight) == pytest.approx(3 * area.centroid.x - 2 * area.centroid.y, rel=1e-12)
    on_a_line = SpotFigures(np.asarray([0.0, 1, 2]), np.asarray([0.0, 1, 2]), np.asarray([1.0, 2, 3]))
    assert on_a_line.at(np.asarray([5.0]), np.asarray([5.0]), beyond=True).tolist() == [3.0]
    assert np.isnan(on_a_line.at(np.asarray([5.0]), np.asarray([5.0]), beyond=False)).all()
    assert math.isnan(on_a_line.sigma())


def test_drawings_that_are_damaged(tmp_path: Path) -> None:
    document = ezdxf.new("R2010")
    document.modelspace().add_lwpolyline([at(0, 0), (math.nan, 1), at(5, 5)], close=True)
    document.modelspace().add_circle(at(0, 0), 0)
    document.modelspace().add_lwpolyline([at(0, 0)])
    document.modelspace().add_lwpolyline(square(0, 0, 10), close=True)
    path = saved(document, tmp_path / "a.dxf")
    loaded = load_layer(path, kind="open_pit", crs=4547)
    assert len(loaded.frame) == 1
    assert loaded.report.rows_rejected == 3
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])
    with pytest.raises(InputError, match=r"a\.dxf"):
        read_layer(path, kind="open_pit", crs=4547)
