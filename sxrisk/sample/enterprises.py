"""The table of enterprises as an office keeps it: Chinese headers, and a few rows that are wrong."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from shapely.geometry import Point, Polygon

from sxrisk.sample.frame import COUNTY_ZH, MARK_ZH, random_stream, to_lonlat
from sxrisk.sample.network import NATIONAL, Network
from sxrisk.sample.planted import Hazards
from sxrisk.sample.terrain import Terrain

__all__ = ["HEADER", "Register", "make_register"]

HEADER = (
    "企业编号", "企业名称", "行业", "经度", "纬度", "从业人数", "风险等级", "开采方式", "矿种", "开采深度(m)",
    "地压在线监测", "县", "乡镇", "状态",
)  # fmt: skip

_ROWS = 200
_KINDS = (
    # industry as written, share, name ending, mining method, mineral, employees
    ("煤矿", 0.16, "煤业有限公司", "地下开采", "煤", (220, 1400)),
    ("非煤矿山", 0.15, "矿业有限公司", "地下开采", "铁矿", (40, 260)),
    ("非煤矿山", 0.09, "石料厂", "露天开采", "石灰岩", (12, 80)),
    ("危险化学品", 0.13, "化工有限公司", "", "", (30, 420)),
    ("冶金", 0.07, "铸造有限公司", "", "", (60, 900)),
    ("燃气", 0.10, "燃气站", "", "", (4, 40)),
    ("民爆", 0.02, "民爆器材库", "", "", (8, 30)),
    ("其他", 0.28, "工贸有限公司", "", "", (6, 200)),
)
_DEEP = (
    # depth, monitoring, mineral, method, what the plan's target says
    ("950", "否", "铁矿", "地下开采", "advisory"),
    ("1120", "否", "铝土矿", "地下开采", "advisory"),
    ("865.5", "否", "金矿", "地下开采", "advisory"),
    ("860", "是", "铁矿", "地下开采", "none: monitored"),
    ("1010", "是", "铜矿", "地下开采", "none: monitored"),
    ("800", "否", "铁矿", "地下开采", "none: not deeper than 800 m, at the limit itself"),
    ("780", "否", "铁矿", "地下开采", "none: near miss"),
    ("845", "", "铁矿", "地下开采", "unknown: monitoring not stated"),
)
_FIRST = "宏恒昌盛泰丰瑞祥金鼎隆鑫华晟德信诚元久汇众达通顺利民惠康益源"


@dataclass(frozen=True)
class Register:
    """Rows of the table in file order, and what is known about them."""

    rows: list[list[str]]
    truth: dict[str, Any]


def make_register(
    terrain: Terrain, network: Network, hazards: Hazards, seed: int, county: Polygon, towns: list[tuple[str, Polygon]]
) -> Register:
    """Two hundred rows: firms on sensible ground, deep mines, and rows that a reader must refuse or query.

    Parameters
    ----------
    terrain : Terrain
        The county.
    network : Network
        Roads and seats.
    hazards : Hazards
        Pits and quarries, which have an operator each.
    seed : int
        Seed of the sample.
    county : Polygon
        Outline.
    towns : list of (name, Polygon)
        Townships.

    Returns
    -------
    Register
    """
    rng = random_stream(seed, "enterprises")
    names: set[str] = set()
    rows: list[list[str]] = []
    for kind, share, ending, method, mineral, staff in _KINDS:
        for _ in range(round(share * _ROWS)):
            place = _spot(rng, terrain, network, county, kind)
            depth = str(int(rng.integers(18, 68) * 10)) if method == "地下开采" else ""
            watched = ("是" if rng.random() < 0.4 else "否") if method == "地下开采" and kind == "非煤矿山" else ""
            rows.append(_row(rng, names, place, kind, ending, method, mineral, staff, depth, watched, towns))
    rng.shuffle(rows)
    _seat_operators(rows, hazards, towns)
    deep = _set_deep(rows)
    for number, row in enumerate(rows, start=1):
        row[0] = f"QY-{number:04d}"
    bad = _spoil(rows)
    truth = {
        "rows": len(rows),
        "header_rows": 1,
        "encoding": "GBK",
        "deep_mines": [{**item, "id": rows[item["row"] - 2][0]} for item in deep],
        "bad_rows": bad,
        "rejected_note": "row_rejected: the row has no usable place; else it stays and its flaw is reported",
        "row_note": "row counts as a person counts in a spreadsheet: the header is row 1",
    }
    return Register(rows, truth)


def _spot(
    rng: np.random.Generator, terrain: Terrain, network: Network, county: Polygon, kind: str
) -> np.ndarray[Any, np.dtype[np.float64]]:
    """A place for a firm: mines on the hills, plants by the county town, gas stations by the roads."""
    inner = county.buffer(-350.0)
    slope = terrain.slope
    pipes = [pipe.line for pipe in network.pipelines]
    limit = 0.45 if kind in ("煤矿", "非煤矿山") else 0.2
    while True:
        if kind in ("煤矿", "非煤矿山", "民爆"):
            west, south, east, north = inner.bounds
            place = np.array([rng.uniform(west, east), rng.uniform(south, north)])
        elif kind == "燃气":
            road = network.roads[int(rng.integers(min(len(network.roads), 9)))].line
            at = road.interpolate(rng.uniform(0, road.length))
            place = np.array([at.x, at.y]) + rng.choice([-1, 1], 2) * rng.uniform(20, 45, 2)
        else:
            trunk = next(road.line for road in network.roads if road.road_class == NATIONAL)
            seat = network.seats[0] if rng.random() < 0.6 else network.seats[int(rng.integers(len(network.seats)))]
            near = trunk.interpolate(trunk.project(Point(seat)) + rng.normal(0, 1_500))
            place = (np.array([near.x, near.y]) if rng.random() < 0.6 else seat) + rng.normal(0, 420.0, 2)
        point = Point(place)
        gentle = float(slope[terrain.index(place[None])][0]) < limit
        # beyond doubt off every pipeline's 5 m strip, whose cases are planted elsewhere
        if gentle and inner.contains(point) and min(pipe.distance(point) for pipe in pipes) > 40.0:
            return np.round(place, 1)


def _row(
    rng: np.random.Generator, names: set[str], place: Any, kind: str, ending: str, method: str, mineral: str,
    staff: tuple[int, int], depth: str, watched: str, towns: list[tuple[str, Polygon]],
) -> list[str]:  # fmt: skip
    while True:
        stem = "".join(rng.choice(list(_FIRST), size=2, replace=False))
        if stem + ending not in names:
            names.add(stem + ending)
            break
    lon, lat = to_lonlat(np.asarray(place)[None])[0]
    mine = kind in ("煤矿", "非煤矿山", "民爆", "危险化学品")
    shares = [0.1, 0.3, 0.35, 0.25] if mine else [0.02, 0.13, 0.4, 0.45]
    risk = str(rng.choice(["重大风险", "较大风险", "一般风险", "低风险"], p=shares))
    state = str(rng.choice(["生产", "停产", "建设"], p=[0.82, 0.12, 0.06]))
    return [
        "", f"合山{stem}{ending}{MARK_ZH}", kind, f"{lon:.7f}", f"{lat:.7f}", str(int(rng.integers(*staff))), risk,
        method, mineral, depth, watched, COUNTY_ZH, _town(place, towns), state,
    ]  # fmt: skip


def _town(place: Any, towns: list[tuple[str, Polygon]]) -> str:
    return next((name for name, outline in towns if outline.contains(Point(place))), "")


def _seat_operators(rows: list[list[str]], hazards: Hazards, towns: list[tuple[str, Polygon]]) -> None:
    """Open-pit firms take the names and places of the pits and quarries."""
    firms = [row for row in rows if row[7] == "露天开采"]
    places = [*hazards.pits, *hazards.quarries]
    for row, hazard in zip(firms, places, strict=False):
        middle = np.array(hazard.place.centroid.coords[0])
        lon, lat = to_lonlat(middle[None])[0]
        row[1] = hazard.name.replace(MARK_ZH, f"有限公司{MARK_ZH}")
        row[3], row[4] = f"{lon:.7f}", f"{lat:.7f}"
        row[8] = "铝土矿" if hazard.kind == "pits" else "石灰岩"
        row[9], row[12], row[13] = f"{hazard.depth_m:g}", _town(middle, towns), hazard.state


def _set_deep(rows: list[list[str]]) -> list[dict[str, Any]]:
    """Give the first underground non-coal mines the depths that matter; one deep coal mine is no subject."""
    truth = []
    mines = [k for k, row in enumerate(rows) if row[2] == "非煤矿山" and row[7] == "地下开采" and 8 < k < 185]
    for k, (depth, watched, mineral, method, expected) in zip(mines, _DEEP, strict=False):
        rows[k][7:11] = [method, mineral, depth, watched]
        rows[k][13] = "生产"
        facts = {"depth_m": float(depth), "monitoring": watched, "expected": expected}
        truth.append({"row": k + 2, "rule": "PLAN-800", **facts})
    coal = next(k for k, row in enumerate(rows) if row[2] == "煤矿" and k > 20)
    rows[coal][9:11] = ["1050", "否"]
    rows[coal][13] = "生产"
    truth.append({"row": coal + 2, "rule": "PLAN-800", "depth_m": 1050.0, "monitoring": "否", "expected": "none: coal"})
    return truth


def _spoil(rows: list[list[str]]) -> list[dict[str, Any]]:
    """Make the last rows wrong in the ways that tables from offices are."""
    bad = []

    def note(k: int, column: str, what: str, row_lost: bool) -> None:
        bad.append({"row": k + 2, "id": rows[k][0], "column": column, "what": what, "row_rejected": row_lost})

    at = iter(range(188, 200))
    k = next(at)
    rows[k][3], rows[k][4] = rows[k][4], rows[k][3]
    note(k, "经度", "longitude and latitude are swapped", True)
    k = next(at)
    rows[k][3], rows[k][4] = "", ""
    note(k, "经度", "coordinates are empty", True)
    k = next(at)
    rows[k][4] = ""
    note(k, "纬度", "latitude is empty", True)
    k = next(at)
    rows[k][5] = "约一百二十人"
    note(k, "从业人数", "text in a number", False)
    k = next(at)
    rows[k][0] = rows[40][0]
    note(k, "企业编号", f"id {rows[40][0]} stands in row 42 already", False)
    k = next(at)
    rows[k][3], rows[k][4] = "121.4737000", "31.2304000"
    note(k, "经度", "1000 km outside the county", True)
    k = next(at)
    rows[k][7:10] = ["地下开采", "铁矿", "-85"]
    rows[k][1:3] = [f"合山负深矿业有限公司{MARK_ZH}", "非煤矿山"]
    note(k, "开采深度(m)", "negative depth", False)
    k = next(at)
    rows[k][3] = "东经待测"
    note(k, "经度", "text in a coordinate", True)
    return bad
