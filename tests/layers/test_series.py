"""Readings over time: tables of instruments and levellers whose readings are known."""

from datetime import datetime, timedelta, timezone
from pathlib import Path

import pandas as pd
import pytest
from openpyxl import Workbook

from sxrisk.errors import CRSError, FileFormatError, InputError, MissingFieldError, ParameterError
from sxrisk.layers.readings.series import SERIES_COLUMNS, load_series, read_series

CHINA = timezone(timedelta(hours=8))


def write(folder: Path, text: str, name: str = "监测.csv", encoding: str = "utf-8") -> Path:
    path = folder / name
    path.write_bytes(text.encode(encoding))
    return path


def test_levelling_with_one_column_a_day(tmp_path: Path) -> None:
    text = "沉降观测成果表,,,\n点号,2025-03-01,2025年4月1日,2025.5.1\nBM1,812.3456,812.3401,812.3388\nBM2,813.0,,坏\n"
    loaded = load_series(
        write(tmp_path, text, encoding="gb18030"), kind="levelling", unit="m", vertical_crs="EPSG:5737"
    )
    frame = loaded.frame
    assert tuple(frame.columns) == SERIES_COLUMNS
    assert frame[["point_id", "value", "source_row"]].to_numpy().tolist() == [
        ["BM1", 812.3456, 3], ["BM1", 812.3401, 3], ["BM1", 812.3388, 3], ["BM2", 813.0, 4],
    ]  # fmt: skip
    assert frame["time"].tolist()[1] == pd.Timestamp(2025, 4, 1, tz="Asia/Shanghai")
    assert set(frame["unit"]) == {"m"}
    assert set(frame["vertical_crs"]) == {"EPSG:5737"}
    assert loaded.rejects[["source_row", "reason"]].to_numpy().tolist() == [[4, "number_not_usable"]]
    assert loaded.report.rows_read == 5 == loaded.report.rows_used + loaded.report.rows_rejected


def test_a_day_above_each_quantity(tmp_path: Path) -> None:
    book = Workbook()
    sheet = book.active
    for row in (
        ["点号", datetime(2025, 3, 1), None, datetime(2025, 4, 1), None],
        [None, "高程(m)", "本次沉降(mm)", "高程(m)", "本次沉降(mm)"],
        ["BM1", 812.3456, 0, 812.3401, -5.5],
    ):
        sheet.append(row)
    for cells in ("A1:A2", "B1:C1", "D1:E1"):
        sheet.merge_cells(cells)
    book.save(tmp_path / "a.xlsx")
    frame = read_series(tmp_path / "a.xlsx", kind="levelling")
    assert frame["value"].tolist() == [812.3456, 812.3401]
    assert frame["time"].dt.strftime("%Y-%m-%d").tolist() == ["2025-03-01", "2025-04-01"]
    assert frame["vertical_crs"].tolist() == ["unknown", "unknown"]
    sinking = read_series(tmp_path / "a.xlsx", kind="displacement")
    assert sinking["value"].tolist() == [0.0, -5.5]
    assert set(sinking["quantity"]) == {"本次沉降"}


def test_a_log_with_several_axes_and_its_own_units(tmp_path: Path) -> None:
    text = (
        "测点编号,监测时间,X位移(cm),Y位移(mm),上次位移,温度\n"
        "GNSS-1,2026/3/15 10:00:30,0.12,-3.4,9,12\nGNSS-1,2026-03-15T02:30:00Z,0.13,,9,12\n"
        "GNSS-2,昨天,0.1,0.2,9,12\n,2026/3/15 10:00,0.1,0.2,9,12\nGNSS-3,2026/3/15 10:00,,,9,12\n合计,,,,,\n"
    )
    loaded = load_series(write(tmp_path, text), kind="displacement")
    frame = loaded.frame
    assert frame[["point_id", "quantity", "value"]].to_numpy().tolist() == [
        ["GNSS-1", "X位移", pytest.approx(1.2)], ["GNSS-1", "Y位移", -3.4], ["GNSS-1", "X位移", pytest.approx(1.3)],
    ]  # fmt: skip
    assert frame["time"].tolist() == [
        datetime(2026, 3, 15, 10, 0, 30, tzinfo=CHINA), datetime(2026, 3, 15, 10, 0, 30, tzinfo=CHINA),
        datetime(2026, 3, 15, 10, 30, tzinfo=CHINA),
    ]  # fmt: skip
    assert str(frame["time"].dt.tz) == "Asia/Shanghai"
    assert set(frame["unit"]) == {"mm"}
    assert loaded.rejects["reason"].tolist() == [
        "time_not_understood", "time_not_understood", "point_missing", "point_missing", "value_missing", "total_row",
    ]  # fmt: skip
    assert loaded.report.rows_read == 9


def test_date_and_time_of_day_in_two_columns(tmp_path: Path) -> None:
    text = "站名,日期,时间,雨量(mm)\n南山,2026-07-01,08:00,12.5\n南山,2026-07-01,下午3:30,0\n"
    frame = read_series(write(tmp_path, text), kind="rain")
    assert frame["time"].dt.strftime("%m-%d %H:%M").tolist() == ["07-01 08:00", "07-01 15:30"]
    assert frame["value"].tolist() == [12.5, 0.0]
    assert set(frame["vertical_crs"]) == {""}


def test_one_column_a_point(tmp_path: Path) -> None:
    text = "时间,CX1,CX2,备注\n2026-07-01 08:00,101.25,99.5,晴\n2026-07-02 08:00,101.5,,雨\n"
    frame = read_series(write(tmp_path, text), kind="pressure", unit="kPa")
    assert frame[["point_id", "value"]].to_numpy().tolist() == [["CX1", 101.25], ["CX2", 99.5], ["CX1", 101.5]]


def test_heights_name_their_datum_or_it_stays_unknown(tmp_path: Path) -> None:
    text = "测点,时间,库水位(1985国家高程基准)\nS1,2026-07-01 08:00,1203.2\n"
    frame = read_series(
        write(tmp_path, text), kind="water_level", unit="m", columns={"value": "库水位(1985国家高程基准)"}
    )
    assert frame.loc[0, "vertical_crs"] == "EPSG:5737"
    with pytest.raises(CRSError, match="a header names the height system EPSG:5737, but EPSG:5736 is declared"):
        read_series(write(tmp_path, text), kind="water_level", vertical_crs="1956黄海高程")
    plain = write(tmp_path, "测点,时间,水位(m)\nS1,2026-07-01 08:00,1203.2\n", name="b.csv")
    loaded = load_series(plain, kind="water_level")
    assert loaded.frame.loc[0, "vertical_crs"] == "unknown"
    assert any(issue.code == "vertical_datum_unknown" for issue in loaded.report.issues)
    with pytest.raises(CRSError, match="is no height system"):
        read_series(plain, kind="water_level", vertical_crs="EPSG:4490")
    with pytest.raises(ParameterError, match="rain has no vertical_crs"):
        read_series(
            write(tmp_path, "站名,时间,雨量\n甲,2026-07-01,1\n", name="c.csv"), kind="rain", vertical_crs="EPSG:5737"
        )


@pytest.mark.parametrize(
    "written",
    ["2026-03-15 10:05:00", "2026/3/15 10:05", "2026年3月15日10时5分", "20260315100500", "2026-03-15T02:05:00Z",
     "2026-03-15T10:05:00.000+08:00", "2026-03-15 上午10:05", "1773540300", "1773540300000", "46096.4201388889",
     "２０２６-０３-１５ １０：０５"],
)  # fmt: skip
def test_one_moment_in_every_notation(tmp_path: Path, written: str) -> None:
    frame = read_series(write(tmp_path, f"point,time,rain\nA,{written},1\n"), kind="rain")
    assert frame.loc[0, "time"] == datetime(2026, 3, 15, 10, 5, tzinfo=CHINA)


def test_repeated_readings_and_assumed_units_are_told(tmp_path: Path) -> None:
    text = "point,time,rain\nA,2026-03-15 10:00,1\nA,2026-03-15 10:00,2\nB,2026-03-15,1\n"
    issues = {issue.code: issue for issue in load_series(write(tmp_path, text), kind="rain").report.issues}
    assert issues["repeated_reading"].rows == (2, 3)
    assert "1 of them with different values" in issues["repeated_reading"].detail
    assert issues["time_of_day_unknown"].rows == (4,)
    assert "values were read as mm" in issues["unit_assumed"].detail


def test_what_cannot_be_read_is_said(tmp_path: Path) -> None:
    path = write(tmp_path, "point,time,rain(cm)\nA,2026-03-15,1\n")
    with pytest.raises(ParameterError, match="'snow' is no kind of series; expected one of displacement"):
        read_series(path, kind="snow")
    with pytest.raises(ParameterError, match="'furlong' is no unit of rain"):
        read_series(path, kind="rain", unit="furlong")
    with pytest.raises(InputError, match=r"says cm, but the unit mm is declared"):
        read_series(path, kind="rain", unit="mm")
    with pytest.raises(ParameterError, match="'Mars/Base' is no time zone"):
        read_series(path, kind="rain", timezone="Mars/Base")
    with pytest.raises(MissingFieldError, match="no column of values of crack was found"):
        read_series(write(tmp_path, "point,time,word\nA,2026-03-15,x\n", name="d.csv"), kind="crack")
    with pytest.raises(MissingFieldError, match="there is no column 'H'; expected one of point, time"):
        read_series(path, kind="rain", columns={"value": "H"})
    with pytest.raises(ParameterError, match="'height' is no column of a series"):
        read_series(path, kind="rain", columns={"height": "rain(cm)"})
    with pytest.raises(FileFormatError, match=r"readings are not read from \.xls"):
        read_series(write(tmp_path, "x", name="a.xls"), kind="rain")
    with pytest.raises(InputError, match="no reading is usable; the first is in row 2: time = 'soon'"):
        read_series(write(tmp_path, "point,time,rain\nA,soon,1\n", name="e.csv"), kind="rain")
