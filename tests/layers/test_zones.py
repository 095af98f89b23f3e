"""Zones in eastings, axes and angles: each place is known beforehand from its longitude and latitude."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import shapely
from pyproj import Transformer

from sxrisk.layers import LoadedLayer, check_quality, load_layer
from sxrisk.layers.tables.values import parse_coordinate

# Near the seam of zones 37 (meridian 111) and 38 (114) at 112.5 degrees.
WEST, EAST = (112.40, 37.80), (112.60, 37.80)


def metres(epsg: int, place: tuple[float, float]) -> tuple[float, float]:
    east, north = Transformer.from_crs(4490, epsg, always_xy=True).transform(*place)
    return round(east, 4), round(north, 4)


def load(folder: Path, rows: list[tuple[str, float, float]], crs: str, **options: object) -> LoadedLayer:
    path = folder / "a.csv"
    body = "".join(f"{name},{east},{north}\n" for name, east, north in rows)
    path.write_text(f"编号,东坐标,北坐标\n{body}", encoding="utf-8")
    return load_layer(path, kind="settlement", crs=crs, **options)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("prefix", "epsg"), [(37, 4546), (38, 4547), (19, 4502 - 8), (20, 4503 - 8)], ids=["37", "38", "19", "20"]
)
def test_each_prefix_of_the_province_names_its_meridian(tmp_path: Path, prefix: int, epsg: int) -> None:
    meridian = {37: 111, 38: 114, 19: 111, 20: 117}[prefix]
    projection = f"+proj=tmerc +lon_0={meridian} +x_0=500000 +ellps=GRS80 +units=m"
    east, north = Transformer.from_crs("EPSG:4490", projection, always_xy=True).transform(*EAST)
    loaded = load(tmp_path, [("A", prefix * 1e6 + east, north)], "CGCS2000")
    point = loaded.frame.geometry.iloc[0]
    assert (point.x, point.y) == pytest.approx(EAST, abs=1e-9)
    assert any(issue.code == "zone_prefix_recognised" for issue in loaded.report.issues)


def test_mixed_zones_are_repaired_by_prefix_and_the_others_rejected(tmp_path: Path) -> None:
    (east37, north37), (east38, north38) = metres(4546, WEST), metres(4547, EAST)
    rows = [("A", 37e6 + east37, north37), ("B", 38e6 + east38, north38), ("C", east37, north37)]
    loaded = load(tmp_path, rows, "EPSG:4547")
    assert loaded.frame["id"].tolist() == ["A", "B"]
    for point, known in zip(loaded.frame.geometry, (WEST, EAST), strict=True):
        assert (point.x, point.y) == pytest.approx(known, abs=1e-8)
    assert loaded.rejects[["source_row", "reason"]].to_numpy().tolist() == [[4, "zone_ambiguous"]]
    told = [issue for issue in loaded.report.issues if issue.code == "zone_prefix_recognised"]
    assert sorted((issue.count, issue.rows) for issue in told) == [(1, (2,)), (1, (3,))]


def test_the_region_settles_what_the_prefix_does_not_say(tmp_path: Path) -> None:
    (east37, north37), (east38, north38) = metres(4546, WEST), metres(4547, EAST)
    rows = [
        ("A", 37e6 + east37, north37),
        ("B", 38e6 + east38, north38),
        ("C", east37, north37),
        ("D", east38, north38),
    ]
    region = shapely.box(112.3, 37.7, 112.7, 37.9)
    loaded = load(tmp_path, rows, "EPSG:4547", region=region, region_margin_m=5000.0)
    assert loaded.frame["id"].tolist() == ["A", "B", "C", "D"]
    for point, known in zip(loaded.frame.geometry, (WEST, EAST, WEST, EAST), strict=True):
        assert (point.x, point.y) == pytest.approx(known, abs=1e-8)
    told = [issue for issue in loaded.report.issues if issue.code == "zone_by_region"]
    assert sorted(issue.rows for issue in told) == [(4,), (5,)]


def test_a_prefix_that_repeats_the_declared_zone_leaves_the_others_alone(tmp_path: Path) -> None:
    east, north = metres(4547, EAST)
    for prefix in (38e6, 0.0):
        loaded = load(tmp_path, [("A", 38e6 + east, north), ("B", prefix + east, north)], "EPSG:4547")
        assert len(loaded.frame) == 2
        assert loaded.frame.geometry.iloc[0].distance(loaded.frame.geometry.iloc[1]) < 1e-9


def test_a_prefix_that_cannot_be_one_is_rejected(tmp_path: Path) -> None:
    east, north = metres(4547, EAST)
    loaded = load(tmp_path, [("A", 38e6 + east, north), ("B", 38900000.0, north)], "EPSG:4547")
    assert loaded.rejects[["source_row", "reason"]].to_numpy().tolist() == [[3, "zone_prefix_implausible"]]
    assert "400 km from the meridian" in loaded.rejects.loc[0, "detail"]


def test_six_digits_without_any_zone_need_a_declaration(tmp_path: Path) -> None:
    east, north = metres(4547, EAST)
    rows = [("A", 38e6 + east, north), ("B", 38e6 + east + 10, north), ("C", east, north)]
    loaded = load(tmp_path, rows, "CGCS2000")
    assert loaded.frame["id"].tolist() == ["A", "B"]
    assert loaded.rejects["reason"].tolist() == ["zone_ambiguous"]


@pytest.mark.parametrize(
    "text",
    [
        "112°30′15.2″E", "112°30′15.2″", "E112°30′15.2″", "东经112°30′15.2″", "112度30分15.2秒", "112-30-15.2",
        "112 30 15.2", "112:30:15.2", "112.30.15.2", "112° 30' 15.2\"", "１１２°３０′１５．２″", "112°30.253333333′",
        "112.504222222°", "112.504222222", "'112.504222222", "112.504222222E", " 112.504222222 ",
    ],
)  # fmt: skip
def test_one_angle_in_every_notation(text: str) -> None:
    parsed = parse_coordinate(pd.Series([text]))
    assert not parsed.bad.any()
    assert parsed.data.iloc[0] == pytest.approx(112 + 30 / 60 + 15.2 / 3600, abs=1e-8)


@pytest.mark.parametrize(
    "text", ["112°75′", "112-30-75", "112 30", "112-30", "112,5,3 5", "东边", "1 1 2 3", "112°30′15″37"]
)
def test_what_is_no_angle(text: str) -> None:
    assert parse_coordinate(pd.Series([text])).bad.all()


def test_packed_angles_only_where_the_header_says_so() -> None:
    values = ["112.30152", "1123015.2", "112.3015", "112.6015", "112°30′15.2″"]
    known = 112 + 30 / 60 + 15.2 / 3600
    for header in ("经度(度.分秒)", "lon(DDD.MMSS)", "经度（度分秒）"):
        parsed = parse_coordinate(pd.Series(values, name=header))
        numbers = parsed.data.to_numpy()
        assert numbers[[0, 1, 4]] == pytest.approx(known, abs=1e-9)
        assert numbers[2] == pytest.approx(112 + 30 / 60 + 15 / 3600, abs=1e-9)
        assert parsed.bad.tolist() == [False, False, False, False, False] or np.isfinite(numbers[3])
    plain = parse_coordinate(pd.Series(values[:1], name="经度(°)")).data.iloc[0]
    assert plain == 112.30152


def test_a_prefix_of_another_zone_than_the_declared_one_is_a_contradiction(tmp_path: Path) -> None:
    """EPSG:4526 has zone 38 in its eastings; these begin with 37."""
    (east37, north37), (east38, north38) = metres(4546, WEST), metres(4547, EAST)
    loaded = load(tmp_path, [("A", 37e6 + east37, north37), ("B", 38e6 + east38, north38)], "EPSG:4526")
    assert loaded.frame.geometry.iloc[0].x == pytest.approx(WEST[0], abs=1e-8)
    told = next(issue for issue in loaded.report.issues if issue.code == "zone_contradicts_declared")
    assert told.rows == (2,) and "EPSG:4526" in told.detail and "EPSG:4525" in told.detail
    report = check_quality({"a": loaded})
    row = report[report["detail"].str.contains("zone_contradicts_declared")]
    assert row["severity"].tolist() == ["warning"]
    same = load(tmp_path, [("B", 38e6 + east38, north38)], "EPSG:4526")
    assert not any(issue.code == "zone_contradicts_declared" for issue in same.report.issues)
