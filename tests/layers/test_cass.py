"""Survey files of CASS: points with known places, codes and heights."""

from pathlib import Path

import numpy as np
import pytest

from sxrisk.errors import FileFormatError, InputError
from sxrisk.layers import load_layer

EAST, NORTH = 455000.25, 4188000.5
LINES = "1,,455000.25,4188000.5,1230.45\n2,F1,455100.25,4188100.5,1231.2\nT3,DLSS,455200,4188000,\n"


def write(folder: Path, text: str, encoding: str = "utf-8") -> Path:
    path = folder / "测区.dat"
    path.write_bytes(text.encode(encoding))
    return path


def place(path: Path, crs: str | int = "EPSG:4547") -> tuple[float, float]:
    point = load_layer(path, kind="building", crs=crs).frame.geometry.iloc[0]
    return point.x, point.y


def test_points_with_code_and_height(tmp_path: Path) -> None:
    loaded = load_layer(write(tmp_path, LINES), kind="building", crs="EPSG:4547")
    frame = loaded.frame
    assert frame[["id", "code", "source_row"]].to_numpy().tolist() == [["1", "", 1], ["2", "F1", 2], ["T3", "DLSS", 3]]
    assert frame["z_m"].to_numpy(dtype=float)[:2].tolist() == [1230.45, 1231.2]
    assert np.isnan(frame["z_m"].iloc[2])
    assert frame.geometry.iloc[0].x == pytest.approx(113.4889, abs=1e-3)
    table = tmp_path / "same.csv"
    table.write_text(f"编号,东坐标,北坐标\n1,{EAST},{NORTH}\n", encoding="utf-8")
    assert place(write(tmp_path, LINES)) == pytest.approx(place(table), abs=1e-12)


def test_count_end_blank_lines_tabs_and_gbk(tmp_path: Path) -> None:
    text = "3\n\n" + LINES.replace("DLSS", "房角") + "END\n"
    loaded = load_layer(write(tmp_path, text, "gb18030"), kind="building", crs="EPSG:4547")
    assert loaded.frame["code"].tolist() == ["", "F1", "房角"]
    assert loaded.frame["source_row"].tolist() == [3, 4, 5]
    assert not [issue for issue in loaded.report.issues if issue.code == "count_differs"]
    text = "5\n" + LINES.replace(",", "\t")
    loaded = load_layer(write(tmp_path, text), kind="building", crs="EPSG:4547")
    assert len(loaded.frame) == 3
    told = {issue.code: issue.detail for issue in loaded.report.issues}
    assert told["count_differs"] == "the first line says 5 points, there are 3"


def test_the_other_order_is_told_by_magnitude(tmp_path: Path) -> None:
    right = place(write(tmp_path, LINES))
    turned = "".join(f"{n},,{NORTH + n},{EAST},1200\n" for n in range(3))
    loaded = load_layer(write(tmp_path, turned), kind="building", crs="EPSG:4547")
    point = loaded.frame.geometry.iloc[0]
    assert (point.x, point.y) == pytest.approx(right, abs=1e-12)
    assert any(issue.code == "axes_by_magnitude" for issue in loaded.report.issues)


def test_zone_prefixes_and_four_fields(tmp_path: Path) -> None:
    plain = place(write(tmp_path, LINES))
    assert place(write(tmp_path, LINES.replace(",455", ",38455")), "CGCS2000") == pytest.approx(plain, abs=1e-12)
    loaded = load_layer(write(tmp_path, f"1,{EAST},{NORTH},1230.45\n"), kind="building", crs="EPSG:4547")
    assert any(issue.code == "field_missing" for issue in loaded.report.issues)
    assert loaded.frame.geometry.iloc[0].x == pytest.approx(plain[0], abs=1e-12)


def test_lines_that_are_no_points_are_rejected(tmp_path: Path) -> None:
    text = LINES + "4,,abc,4188000,1\n5,,455000\n6,,455000,4188000,-9999\n7,,inf,4188000,1\n"
    loaded = load_layer(write(tmp_path, text), kind="building", crs="EPSG:4547")
    assert loaded.rejects[["source_row", "reason"]].to_numpy().tolist() == [
        [4, "line_not_understood"], [5, "line_not_understood"], [7, "line_not_understood"],
    ]  # fmt: skip
    assert np.isnan(loaded.frame["z_m"].iloc[-1])
    assert loaded.report.rows_read == 7 == loaded.report.rows_used + loaded.report.rows_rejected


@pytest.mark.parametrize(
    ("data", "error", "message"),
    [
        (b"3\n", FileFormatError, "only 0 of 1 lines have the form of a CASS file"),
        (b"\n\n", InputError, "the file holds no point"),
        ("名称,经度,纬度\n甲,112.5,37.5\n".encode(), FileFormatError, "only 0 of 2 lines"),
        (b"\x89PNG\r\n\x1a\n\x00\x00\x00\xff\xfe\xfa" * 20, FileFormatError, "no text that can be decoded"),
    ],
)
def test_files_that_are_no_survey(tmp_path: Path, data: bytes, error: type[Exception], message: str) -> None:
    path = tmp_path / "a.dat"
    path.write_bytes(data)
    with pytest.raises(error, match=message):
        load_layer(path, kind="building", crs="EPSG:4547")
