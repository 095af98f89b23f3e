"""The layers of the sample as files, and the truth about what they hold."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from shapely.geometry import Point, Polygon
from shapely.geometry.base import BaseGeometry

from sxrisk.sample.county import CORRIDOR_HALF_WIDTH_M, MOVEMENT_ANGLE_DEG, County
from sxrisk.sample.enterprises import HEADER
from sxrisk.sample.frame import AS_OF, COUNTY_ZH, MARK_ZH, SYNTHETIC_NOTE, random_stream, to_lonlat
from sxrisk.sample.network import TOWNSHIP
from sxrisk.sample.planted import POSITION_SIGMA_M, Hazard
from sxrisk.sample.readme import write_readme
from sxrisk.sample.truth import Layer, count_by, geodesic_m, pairs_within
from sxrisk.sample.utility_files import write_utilities
from sxrisk.sample.write import (
    write_csv,
    write_dem,
    write_dxf,
    write_geojson,
    write_geopackage,
    write_json,
    write_shapefile,
)

__all__ = ["write_layers"]

Columns = dict[str, list[Any]]


def write_layers(folder: Path, county: County) -> list[Path]:
    """Write every layer, the README and the truth.

    Parameters
    ----------
    folder : Path
        Gets the files.
    county : County
        The county.

    Returns
    -------
    list of Path
    """
    folder.mkdir(parents=True, exist_ok=True)
    handles = write_dxf(folder / "roads.dxf", county.network.roads)
    written = [
        write_dem(folder / "dem.tif", county.terrain),
        folder / "roads.dxf",
        *_write_tables(folder, county),
        *_write_lines(folder, county),
        *_write_hazards(folder, county),
        *_write_people(folder, county),
        *write_utilities(folder, county.utilities),
        write_readme(folder / "README.md"),
    ]
    written += _write_truth(folder / "truth", county, handles)
    return written


def _write_tables(folder: Path, county: County) -> list[Path]:
    rng = random_stream(county.seed, "accidents")
    rows = []
    firms = [row for row in county.register.rows[:180] if row[2] != "其他"]
    for number in range(1, 27):
        firm = firms[int(rng.integers(len(firms)))]
        day = f"{int(rng.integers(2016, 2026))}-{int(rng.integers(1, 13)):02d}-{int(rng.integers(1, 29)):02d}"
        kind = str(rng.choice(["顶板", "运输", "机电", "坍塌", "中毒窒息", "物体打击", "火灾"]))
        deaths = int(rng.choice([0, 1, 1, 1, 2, 3]))
        rows.append([f"SG-{number:03d}", f"{kind}事故{MARK_ZH}", day, firm[3], firm[4], str(deaths), COUNTY_ZH])
    header = ("编号", "名称", "事故日期", "经度", "纬度", "死亡人数", "县")
    return [
        write_csv(folder / "enterprises.csv", HEADER, county.register.rows, "gbk"),
        write_csv(folder / "accidents.csv", header, rows, "utf-8-sig"),
    ]


def _write_lines(folder: Path, county: County) -> list[Path]:
    pipes = county.network.pipelines
    columns: Columns = {
        "编号": [pipe.key for pipe in pipes],
        "名称": [f"{pipe.name}{MARK_ZH}" for pipe in pipes],
        "介质": [pipe.medium for pipe in pipes],
        "管径(mm)": [pipe.diameter_mm for pipe in pipes],
        "压力(MPa)": [pipe.pressure_mpa for pipe in pipes],
        "是否隧道": ["是" if pipe.tunnel else "否" for pipe in pipes],
        "是否埋地": ["是" for _ in pipes],
        "权属单位": [f"合山管道公司{MARK_ZH}" for _ in pipes],
        "运行状态": ["在用" for _ in pipes],
    }
    river: Columns = {"编号": ["HL-01"], "名称": [f"合河{MARK_ZH}"]}
    return [
        write_shapefile(folder / "pipelines.shp", columns, [pipe.line for pipe in pipes], "EPSG:4547"),
        write_geojson(folder / "rivers.geojson", river, [county.terrain.river.intersection(county.outline)]),
    ]


def _write_hazards(folder: Path, county: County) -> list[Path]:
    def holes(items: list[Hazard]) -> Columns:
        return {
            "编号": [item.key for item in items],
            "名称": [item.name for item in items],
            "深度(m)": [item.depth_m for item in items],
            "运行状态": [item.state for item in items],
            "所属县": [COUNTY_ZH for _ in items],
        }

    def places(items: list[Hazard]) -> list[BaseGeometry]:
        return [item.place for item in items]

    toes = to_lonlat(np.array([pond.toe[:2] for pond in county.ponds]))
    ponds: Columns = {
        "编号": [f"WK-{k:02d}" for k in range(1, len(county.ponds) + 1)],
        "名称": [f"合山{k}号尾矿库{MARK_ZH}" for k in "一二三"[: len(county.ponds)]],
        "坝高(m)": [round(pond.truth["dam_height_m"], 1) for pond in county.ponds],
        "库容(万m³)": [round(_stored_m3(pond) / 1e4, 1) for pond in county.ponds],
        "初期坝坝脚经度": np.round(toes[:, 0], 8).tolist(),
        "初期坝坝脚纬度": np.round(toes[:, 1], 8).tolist(),
        "运行状态": ["运行", "运行", "闭库"][: len(county.ponds)],
        "所属县": [COUNTY_ZH for _ in county.ponds],
    }
    dumps: Columns = {
        "编号": [item.key for item in county.dumps],
        "名称": [item.name for item in county.dumps],
        "堆高(m)": [item.stack_height_m for item in county.dumps],
        "所属县": [COUNTY_ZH for _ in county.dumps],
    }
    goafs: Columns = {
        "编号": [item.key for item in county.goafs],
        "名称": [item.name for item in county.goafs],
        "采深(m)": [item.depth_m for item in county.goafs],
        "采厚(m)": [item.thickness_m for item in county.goafs],
        "倾角(°)": [item.dip_deg for item in county.goafs],
        "采空区状态": [item.state for item in county.goafs],
        "所属县": [COUNTY_ZH for _ in county.goafs],
    }
    hazards = county.hazards
    blasts = {
        **holes(hazards.blasting),
        "爆破方法": ["深孔台阶爆破" for _ in hazards.blasting],
        "最大单段药量(kg)": [(180.0, 60.0)[k % 2] for k in range(len(hazards.blasting))],
        "岩性": ["中硬岩" for _ in hazards.blasting],
    }
    towns: Columns = {
        "编号": [f"XZ-{k:02d}" for k in range(1, len(county.towns) + 1)],
        "名称": [name for name, _ in county.towns],
        "级别": ["乡镇" for _ in county.towns],
        "所属县": [COUNTY_ZH for _ in county.towns],
    }
    write = write_geopackage
    return [
        write(folder / "tailings_ponds.gpkg", "尾矿库", ponds, [Polygon(p.outline) for p in county.ponds], "EPSG:4490"),
        write(folder / "pits.gpkg", "露天矿", holes(hazards.pits), places(hazards.pits), "EPSG:4490"),
        write(folder / "quarries.gpkg", "采石场", holes(hazards.quarries), places(hazards.quarries), "EPSG:4547"),
        write(folder / "blasting_sites.gpkg", "爆破作业点", blasts, places(hazards.blasting), "EPSG:4490"),
        write(folder / "dumps.gpkg", "排土场", dumps, [item.outline for item in county.dumps], "EPSG:4526"),
        write(folder / "goafs.gpkg", "采空区", goafs, [item.outline for item in county.goafs], "EPSG:4547"),
        write(folder / "townships.gpkg", "乡镇界", towns, [shape for _, shape in county.towns], "EPSG:4490"),
    ]


def _stored_m3(pond: Any) -> float:
    depth = np.maximum(pond.ground.z - pond.natural.z, 0.0)
    return float(depth.sum() * pond.ground.cell_m**2)


def _write_people(folder: Path, county: County) -> list[Path]:
    people = county.settlements
    villages: Columns = {
        "编号": [v.key for v in people.villages],
        "名称": [v.name for v in people.villages],
        "户数": [v.households for v in people.villages],
        "人口": [round(v.households * 2.7) for v in people.villages],
        "所属县": [COUNTY_ZH for _ in people.villages],
    }
    buildings: Columns = {
        "编号": [b.key for b in people.buildings],
        "层数": [b.storeys for b in people.buildings],
        "结构": [b.structure for b in people.buildings],
    }
    schools: Columns = {
        "编号": [key for key, *_ in people.schools],
        "名称": [name for _, name, *_ in people.schools],
        "在校人数": [count for *_, count in people.schools],
    }
    hospitals: Columns = {
        "编号": [key for key, *_ in people.hospitals],
        "名称": [name for _, name, *_ in people.hospitals],
        "床位数": [count for *_, count in people.hospitals],
    }
    return [
        write_geojson(folder / "villages.geojson", villages, [v.outline for v in people.villages]),
        write_geojson(folder / "buildings.geojson", buildings, [b.outline for b in people.buildings]),
        write_geojson(folder / "schools.geojson", schools, [point for _, _, point, _ in people.schools]),
        write_geojson(folder / "hospitals.geojson", hospitals, [p for _, _, p, _ in people.hospitals], gcj02=True),
    ]


def _truth_layers(county: County, handles: dict[str, str]) -> dict[str, Layer]:
    people, hazards, network = county.settlements, county.hazards, county.network
    sigma = POSITION_SIGMA_M

    def layer(name: str, keys: list[str], shapes: list[Any]) -> Layer:
        return Layer(name, keys, shapes, sigma[name])

    major = [road for road in network.roads if road.road_class != TOWNSHIP]
    minor = [road for road in network.roads if road.road_class == TOWNSHIP]
    return {
        "buildings": layer("buildings", [b.key for b in people.buildings], [b.outline for b in people.buildings]),
        "villages": layer("villages", [v.key for v in people.villages], [v.outline for v in people.villages]),
        "schools": layer("schools", [k for k, *_ in people.schools], [p for _, _, p, _ in people.schools]),
        "pipelines": layer("pipelines", [p.key for p in network.pipelines], [p.line for p in network.pipelines]),
        "tunnels": layer("pipelines", [network.tunnel.key], [network.tunnel.line]),
        "roads": layer("roads", [handles[r.number] for r in network.roads], [r.line for r in network.roads]),
        "major_roads": layer("roads", [handles[r.number] for r in major], [r.line for r in major]),
        "township_roads": layer("roads", [handles[r.number] for r in minor], [r.line for r in minor]),
        "pits": layer("pits", [h.key for h in hazards.pits], [h.place for h in hazards.pits]),
        "quarries": layer("quarries", [h.key for h in hazards.quarries], [h.place for h in hazards.quarries]),
        "blasting": layer("blasting", [h.key for h in hazards.blasting], [h.place for h in hazards.blasting]),
        "dumps": layer("dumps", ["PTC-01"], [county.dumps[0].outline]),
        "goafs": layer("goafs", [g.key for g in county.goafs], [g.outline for g in county.goafs]),
        "power_lines": layer(
            "power_lines",
            [line.key for line in county.utilities.power_lines],
            [line.line for line in county.utilities.power_lines],
        ),
        "gas_pipes": layer(
            "gas_pipes",
            [pipe.key for pipe in county.utilities.gas_pipes],
            [pipe.line for pipe in county.utilities.gas_pipes],
        ),
    }


def _write_truth(folder: Path, county: County, handles: dict[str, str]) -> list[Path]:
    layers = _truth_layers(county, handles)
    twice_height = 2.0 * county.dump.truth["stack_height_m"][-1]
    pairs = [
        *pairs_within("P-30c", layers["buildings"], layers["pipelines"], 5.0, "violation"),
        *pairs_within("P-35b", layers["roads"], layers["pipelines"], 50.0, "permit_to_be_shown", least_m=5.0),
        *pairs_within("DUMP-2H-R", layers["dumps"], layers["villages"], twice_height, "advisory"),
        *pairs_within("DUMP-2H-R", layers["dumps"], layers["buildings"], twice_height, "advisory"),
        *pairs_within("DUMP-2H", layers["dumps"], layers["schools"], twice_height, "suspected"),
        *_goaf_pairs(county, layers),
        *pairs_within("OP-9b-35", layers["power_lines"], layers["buildings"], 10.0, "permit_to_be_shown"),
        *pairs_within("UG-4-MA", layers["gas_pipes"], layers["buildings"], 1.5, "suspected"),
    ]
    for name in ("pits", "quarries", "blasting"):
        pairs += pairs_within("P-35c", layers[name], layers["pipelines"], 200.0, "permit_to_be_shown")
        pairs += pairs_within("P-33", layers[name], layers["tunnels"], 1000.0, "violation")
        pairs += pairs_within("OP-1", layers[name], layers["major_roads"], 100.0, "violation")
        pairs += pairs_within("OP-2", layers[name], layers["township_roads"], 50.0, "violation")
    shapes = {name: dict(zip(layer.keys, layer.shapes, strict=True)) for name, layer in layers.items()}
    planted = []
    for item in county.planted:
        record = asdict(item)
        for end in ("a", "b"):
            if record[f"layer_{end}"] == "roads":
                record[f"road_{end}"] = record[f"id_{end}"]
                record[f"id_{end}"] = handles[record[f"id_{end}"]]
        first = shapes[item.layer_a][record["id_a"]]
        second = shapes[item.layer_b][record["id_b"]]
        record["distance_m"] = round(geodesic_m(first, second), 4)
        planted.append(record)
    note = {
        "synthetic": SYNTHETIC_NOTE,
        "as_of": AS_OF.date().isoformat(),
        "distance": "geodesic on CGCS2000, nearest points of edges, roads and pipelines as drawn (centrelines)",
        "position_sigma_m": POSITION_SIGMA_M,
        "too_close_to_call": "within 1.96 sigma of the limit, positions of both ends joined; DUMP-2H ignores that of H",
        "not_listed": "GOAF-ZONE of goafs that dip, hospitals; ponds and firms have files of their own",
    }
    counts = {
        "features": {
            **{
                name: len(layer.keys)
                for name, layer in layers.items()
                if name not in ("tunnels", "major_roads", "township_roads", "dumps")
            },
            "dumps": len(county.dumps),
            "tailings": len(county.ponds),
            "hospitals": len(county.settlements.hospitals),
            "townships": len(county.towns),
            "enterprises": len(county.register.rows),
        },
        "pairs_by_rule_and_status": count_by(pairs, "rule", "expected"),
    }
    hospitals = [
        {"id": key, "lonlat_epsg4490": to_lonlat(np.array([[point.x, point.y]]))[0].round(9).tolist()}
        for key, _, point, _ in county.settlements.hospitals
    ]
    return [
        write_json(folder / "planted.json", {**note, "pairs": planted}),
        write_json(folder / "pairs.json", {**note, "pairs": pairs}),
        write_json(folder / "overhead_ponds.json", {**note, "cases": _overhead(county)}),
        write_json(folder / "enterprises.json", county.register.truth),
        write_json(folder / "chemical_units.json", {"synthetic": SYNTHETIC_NOTE, "units": county.utilities.truth}),
        write_json(folder / "counts.json", counts),
        write_json(folder / "hospitals.json", {"note": "true places of the layer in GCJ-02", "hospitals": hospitals}),
    ]


def _goaf_pairs(county: County, layers: dict[str, Layer]) -> list[dict[str, Any]]:
    """Houses, villages and schools in the zones of level goafs: depth over the tangent of the movement angle."""
    pairs = []
    for goaf in county.goafs:
        if goaf.dip_deg == 0.0:
            zone = goaf.depth_m / np.tan(np.radians(MOVEMENT_ANGLE_DEG))
            first = Layer("goafs", [goaf.key], [goaf.outline], POSITION_SIGMA_M["goafs"])
            for name in ("buildings", "villages", "schools"):
                pairs += pairs_within("GOAF-ZONE", first, layers[name], zone, "suspected")
    return pairs


def _overhead(county: County) -> list[dict[str, Any]]:
    """Path and straight distances of the planted villages, on the final elevation model."""
    villages = {village.key: village.outline for village in county.settlements.villages}
    cases = []
    for item in county.overhead:
        pond = county.ponds[int(item["pond"][3:]) - 1]
        path = county.terrain.flow_path(pond.toe[:2], 2_400.0)
        outline = villages[item["village"]]
        chainage = np.arange(0.0, path.length, 2.0)
        near = np.array([outline.distance(path.interpolate(s)) for s in chainage])

        def first(limit: float, near: Any = near, chainage: Any = chainage) -> float | None:
            hit = np.flatnonzero(near <= limit)
            return float(chainage[hit[0]]) if len(hit) else None

        cases.append(
            {
                **item,
                "straight_distance_m": round(geodesic_m(Point(pond.toe[:2]), outline), 3),
                "path_to_outline_m": first(0.01),
                "path_to_corridor_m": first(CORRIDOR_HALF_WIDTH_M),
                "path_off_outline_m": round(float(path.distance(outline)), 1),
                "corridor_half_width_m": CORRIDOR_HALF_WIDTH_M,
                "toe": pond.toe.tolist(),
                "note_on_length": "D8 on the 30 m cells of dem.tif, EPSG:4547; other routings differ by up to a tenth",
                "path": np.round(np.asarray(path.coords), 1).tolist(),
            }
        )
    return cases
