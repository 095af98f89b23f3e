"""A made-up county: layers, findings, rasters and scanned sites for the tests of the products, with hostile names."""

from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import rioxarray  # noqa: F401  (registers .rio)
import shapely
import xarray as xr

from sxrisk.findings import finding_id, findings_frame, measurement, measurements_frame
from sxrisk.surfaces import Mesh

HOSTILE_NAMES = (
    "<script>window.hacked=1</script>",
    '"><img src=x onerror="window.hacked=2">',
    "javascript:window.hacked=3",
    "=cmd|' /C calc'!A0",
    "+1+1",
    "@SUM(1)",
    "-2+3",
    "../../etc/passwd",
    "{required} {measured}",
    "admin\u202etxt.exe",
    "</title></script><svg onload=window.hacked=4>",
    "长" * 10_000,
    "'; DROP TABLE findings; --",
)
PLACES = ("合山镇", "圪塔村", "圐圙峁", "柳沟", "南墕", "滹沱河畔", "岢岚口", "石崖底", "东崞", "西社")
COUNTIES = ("合山镇", "柳林乡", "岢阳乡", "")
LON, LAT = 112.9, 37.9


def layer(kind: str, geometry: list[Any], names: list[str], **columns: Any) -> gpd.GeoDataFrame:
    n = len(geometry)
    table = {
        "id": [f"{kind[:2].upper()}-{i:04d}" for i in range(n)],
        "name": names,
        "kind": kind,
        "county": [COUNTIES[i % 3] for i in range(n)],
        "position_sigma_m": 5.0,
        "crs_source": "cgcs2000",
        "source_file": "made_up.csv",
        "source_row": np.arange(2, n + 2),
        **columns,
    }
    return gpd.GeoDataFrame(table, geometry=geometry, crs=4490)


def layers(seed: int = 7) -> dict[str, gpd.GeoDataFrame]:
    rng = np.random.default_rng(seed)
    edge = [
        (LON + 0.16 * np.cos(t) * (1 + 0.1 * np.sin(5 * t)), LAT + 0.12 * np.sin(t))
        for t in np.linspace(0, 2 * np.pi, 60)[:-1]
    ]
    county = shapely.Polygon(edge)
    west, east = (shapely.box(LON - 0.3 + 0.3 * k, LAT - 0.3, LON + 0.3 * k, LAT + 0.3) for k in (0, 1))

    def scatter(n: int) -> list[shapely.Point]:
        return [
            shapely.Point(LON + x, LAT + y)
            for x, y in zip(rng.uniform(-0.12, 0.12, n), rng.uniform(-0.09, 0.09, n), strict=True)
        ]

    def blob(point: shapely.Point, radius: float) -> shapely.Polygon:
        return shapely.Polygon(
            [
                (point.x + radius * np.cos(t) * rng.uniform(0.8, 1.2), point.y + 0.8 * radius * np.sin(t))
                for t in np.linspace(0, 6.28, 24)[:-1]
            ]
        )

    def walk(n: int) -> shapely.LineString:
        x = LON + np.linspace(-0.14, 0.14, n)
        return shapely.LineString(
            np.column_stack([x, LAT + rng.uniform(-0.06, 0.06) + 0.02 * np.cumsum(rng.normal(0, 0.25, n))])
        )

    def place(n: int, word: str) -> list[str]:
        return [f"{PLACES[i % len(PLACES)]}{word}{i}" for i in range(n)]

    enterprises = place(200, "煤业有限公司")
    enterprises[: len(HOSTILE_NAMES)] = HOSTILE_NAMES
    return {
        "townships": layer("boundary", [county & west, county & east], ["合山镇", "柳林乡"], level="township"),
        "roads": layer(
            "road", [walk(40) for _ in range(5)], ["G307", "S102", "X001", "Y002", "Y003"], road_class="county"
        ),
        "rivers": layer("river", [walk(50)], ["柳沟河"]),
        "settlements": layer("settlement", scatter(90), place(90, "村"), households=rng.integers(5, 200, 90)),
        "schools": layer("school", scatter(14), place(14, "小学"), population=rng.integers(50, 900, 14)),
        "pipelines": layer(
            "pipeline",
            [walk(60) for _ in range(3)],
            ["北输气管线", "西二线合山段", "南支线"],
            diameter_mm=813.0,
            pressure_mpa=6.3,
        ),
        "ponds": layer("tailings_pond", [blob(p, 0.004) for p in scatter(5)], place(5, "尾矿库"), dam_height_m=42.5),
        "pits": layer("open_pit", [blob(p, 0.005) for p in scatter(6)], place(6, "露天采场")),
        "goafs": layer("goaf", [blob(p, 0.003) for p in scatter(6)], place(6, "采空区"), depth_m=120.0),
        "enterprises": layer("enterprise", scatter(200), enterprises, industry="coal_mine"),
    }


RULES = {
    "P-5": ("管道两侧 5 m 内建构筑物", "Structures within 5 m of a pipeline", "pipeline", "distance", 5.0, "forbidden"),
    "P-50": (
        "管道线路 50 m 内施工许可",
        "Works within 50 m of a pipeline",
        "pipeline",
        "distance",
        50.0,
        "needs_permit",
    ),
    "T-OH": (
        "头顶库：坝脚下游 1 km 内居民",
        "Overhead pond: people within 1 km downstream",
        "tailings_pond",
        "flow_path_distance",
        1000.0,
        "must_comply",
    ),
    "U-800": (
        "非煤地下矿山采深超 800 m 未监测地压",
        "Non-coal mine deeper than 800 m without monitoring",
        "underground_mine",
        "mining_depth",
        800.0,
        "advisory",
    ),
    "B-200": (
        "采场爆破距管道 200 m",
        "Blasting within 200 m of a pipeline",
        "open_pit",
        "distance",
        200.0,
        "forbidden",
    ),
}


def catalogue() -> SimpleNamespace:
    rules = {
        key: SimpleNamespace(
            id=key,
            title_zh=zh,
            title_en=en,
            text_zh=f"{zh}：在规定范围内禁止从事危及安全的活动。",
            text_en=f"{en}: forbidden within the stated range.",
            standard="主席令第30号",
            standard_zh="石油天然气管道保护法",
            standard_en="Oil and Gas Pipeline Protection Law",
            edition="2010",
            clause_zh="第三十条（三）",
            clause_en="Article 30(3)",
            evidence="V",
            effect=effect,
            value=value,
            unit="m",
        )
        for key, (zh, en, _, _, value, effect) in RULES.items()
    }
    return SimpleNamespace(
        rules=rules,
        colours={},
        reason_text=lambda code, language: (
            {"zh": "数值来自二手资料", "en": "secondary source"}[language] if code == "secondary_source" else code
        ),
    )


def findings(n: int = 240, seed: int = 3) -> gpd.GeoDataFrame:
    rng = np.random.default_rng(seed)
    rows = []
    colours = {
        "violation": "red",
        "suspected": "orange",
        "too_close_to_call": "yellow",
        "permit_to_be_shown": "yellow",
        "classified": "blue",
        "advisory": "blue",
    }
    for i in range(n):
        rule_id = list(RULES)[i % len(RULES)]
        _, _, kind, metric, value, effect = RULES[rule_id]
        status = list(colours)[int(rng.choice(6, p=[0.25, 0.2, 0.2, 0.15, 0.1, 0.1]))]
        above = metric == "mining_depth"
        measured = value * (rng.uniform(1.01, 1.3) if above else rng.uniform(0, 1.0))
        if i == 1:
            measured = 0.0
        x, y = LON + rng.uniform(-0.12, 0.12), LAT + rng.uniform(-0.09, 0.09)
        angle, reach = rng.uniform(0, 6.28), measured / 90_000
        line = shapely.LineString([(x, y), (x + reach * np.cos(angle) + 1e-7, y + reach * np.sin(angle))])
        hostile = HOSTILE_NAMES[i] if i < len(HOSTILE_NAMES) else ""
        rows.append(
            {
                "finding_id": finding_id(rule_id, f"{kind}/{i}"),
                "rule_id": rule_id,
                "standard": "主席令第30号",
                "clause": "第三十条",
                "evidence": ["V", "V2", "G+", "G"][i % 4],
                "effect": effect,
                "status": status,
                "hazard_grade": "major" if status == "violation" else "none",
                "colour": colours[status],
                "subject_kind": kind,
                "subject_id": f"S-{i:05d}",
                "subject_name": hostile or f"{PLACES[i % 10]}{kind[:2]}{i}",
                "object_kind": "" if above else "settlement",
                "object_id": "" if above else f"O-{i:05d}",
                "object_name": "" if above else f"{PLACES[(i * 7) % 10]}村{i}",
                "metric": metric,
                "measured": measured,
                "required": value,
                "unit": "m",
                "deficit": measured - value if above else value - measured,
                "uncertainty": rng.uniform(0.5, 8),
                "probability": rng.uniform(0.3, 1),
                "county": COUNTIES[i % 4],
                "reasons": "secondary_source" if i % 4 == 1 else "",
                "geometry": shapely.Point(x, y) if above else line,
            }
        )
    return findings_frame(rows)


def dem() -> xr.DataArray:
    x, y = np.linspace(LON - 0.2, LON + 0.2, 240), np.linspace(LAT + 0.16, LAT - 0.16, 200)
    gx, gy = np.meshgrid(x, y)
    z = (
        1200
        + 220 * np.sin(gx * 60) * np.cos(gy * 75)
        + 90 * np.sin(gx * 190 + gy * 140)
        + 30 * np.sin(gx * 500) * np.sin(gy * 420)
    )
    return xr.DataArray(z, coords={"y": y, "x": x}, dims=("y", "x"), attrs={"units": "m"}).rio.write_crs(4490)


def heatmap() -> xr.DataArray:
    x, y = np.arange(389_000.0, 418_000.0, 200.0), np.arange(4_209_000.0, 4_184_000.0, -200.0)
    gx, gy = np.meshgrid(x, y)
    z = 40 * np.exp(-(((gx - 401e3) / 3e3) ** 2 + ((gy - 4198e3) / 2.5e3) ** 2)) + 22 * np.exp(
        -(((gx - 408e3) / 2e3) ** 2 + ((gy - 4193e3) / 3e3) ** 2)
    )
    return xr.DataArray(z, coords={"y": y, "x": x}, dims=("y", "x"), attrs={"units": "1/km2"}).rio.write_crs(4547)


def grid(found: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    step = 0.012
    cells, colours = [], []
    for x in np.arange(LON - 0.14, LON + 0.14, step):
        for y in np.arange(LAT - 0.1, LAT + 0.1, step * 0.8):
            cell = shapely.box(x, y, x + step, y + step * 0.8)
            hit = found[found.geometry.intersects(cell)]
            worst = next((c for c in ("red", "orange", "yellow", "blue") if (hit["colour"] == c).any()), "")
            cells.append(cell)
            colours.append(worst)
    table = {"colour": colours, "score": 1.0, "n_findings": 1}
    return gpd.GeoDataFrame(table, geometry=cells, crs=4490)


@dataclass
class FakeSite:
    site_id: str
    kind: str
    name: str
    crs: Any
    mesh: Mesh
    measurements: gpd.GeoDataFrame
    summary: dict[str, Any]
    change: Any = None
    extra_meshes: dict[str, Mesh] = field(default_factory=dict)
    rasters: dict[str, Any] = field(default_factory=dict)
    sections: list[Any] = field(default_factory=list)


def _grid_faces(rows: int, columns: int) -> np.ndarray:
    i = np.arange((rows - 1) * columns).reshape(rows - 1, columns)[:, :-1].ravel()
    return np.vstack(
        [np.column_stack([i, i + columns, i + 1]), np.column_stack([i + 1, i + columns, i + columns + 1])]
    ).astype(np.int32)


def pit() -> FakeSite:
    x, y = np.meshgrid(np.linspace(-150, 150, 121), np.linspace(120, -120, 97))
    r = np.hypot(x / 1.2, y)
    z = 1200 + np.clip(np.floor(r / 18) * 10 + np.clip((r % 18) / 6, 0, 1) * 10, 0, 70)
    change = (
        0.002 * np.sin(x / 9)
        - 0.040 * np.exp(-(((x - 60) / 22) ** 2 + ((y - 30) / 18) ** 2))
        + 0.012 * np.exp(-(((x + 70) / 20) ** 2 + ((y + 40) / 20) ** 2))
    )
    change[:6, :12] = np.nan
    vertices = np.column_stack([403_000 + x.ravel(), 4_197_000 + y.ravel(), z.ravel()])
    fields = {
        "change_m": change.ravel(),
        "lod95_m": np.full(x.size, 0.006),
        "significant": (np.abs(np.nan_to_num(change.ravel())) > 0.006).astype("uint8"),
        "elevation_m": z.ravel(),
    }
    rows = [
        measurement("open_pit", "KC-01", "depth", 70.2, "m", sigma=0.05, method="dem"),
        measurement(
            "open_pit",
            "KC-01",
            "volume",
            512_345.0,
            "m3",
            sigma=800.0,
            method="prisms",
            epoch=pd.Timestamp("2026-03-15T10:00+08:00").to_pydatetime(),
        ),
        measurement(
            "open_pit",
            "KC-01",
            "volume",
            513_120.0,
            "m3",
            sigma=800.0,
            method="prisms",
            epoch=pd.Timestamp("2026-06-15T10:00+08:00").to_pydatetime(),
        ),
    ]
    summary = {
        "epochs": ["2026-03-15", "2026-06-15"],
        "volume_before_m3": 512_345.0,
        "volume_after_m3": 513_120.0,
        "note": HOSTILE_NAMES[0],
    }
    change_result = SimpleNamespace(registration_unknown=False, registration_sigma_m=0.0042)
    return FakeSite(
        "pit-01",
        "open_pit",
        "合山露天采场",
        4547,
        Mesh(vertices, _grid_faces(97, 121), 4547, fields),
        measurements_frame(rows),
        summary,
        change_result,
    )


def goaf() -> FakeSite:
    u, v = np.meshgrid(np.linspace(0, 2 * np.pi, 81), np.linspace(-np.pi / 2, np.pi / 2, 41))
    bump = 1 + 0.12 * np.sin(3 * u) * np.cos(v)
    points = np.column_stack(
        [
            (18 * bump * np.cos(v) * np.cos(u)).ravel(),
            (12 * bump * np.cos(v) * np.sin(u)).ravel(),
            (6 * np.sin(v)).ravel(),
        ]
    )
    fields = {"seen": (points[:, 0] > -12).astype("uint8"), "elevation_m": points[:, 2] + 1080}
    mesh = Mesh(points + np.array([405_200, 4_198_300, 1080]), _grid_faces(41, 81), 4547, fields)
    rows = [
        measurement("goaf", "CK-01", "volume", 5321.0, "m3", sigma=20.0),
        measurement("goaf", "CK-01", "volume_low", 5100.0, "m3"),
        measurement("goaf", "CK-01", "volume_high", 5600.0, "m3"),
    ]
    return FakeSite("goaf-01", "goaf", "圪塔村采空区 <b>", 4547, mesh, measurements_frame(rows), {"stations": 2})
