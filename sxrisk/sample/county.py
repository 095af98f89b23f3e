"""The whole county put together: ground, sites, people, roads, pipelines, hazards, firms."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from shapely import affinity
from shapely.geometry import LineString, Point, Polygon
from shapely.geometry.base import BaseGeometry
from shapely.ops import unary_union

from sxrisk.sample.dump import Dump, make_dump
from sxrisk.sample.enterprises import Register, make_register
from sxrisk.sample.frame import MARK_ZH, random_stream
from sxrisk.sample.goaf import Goaf, make_goaf
from sxrisk.sample.network import Network, add_township_roads, county_outline, make_network, townships
from sxrisk.sample.panels import GoafRecord, caved_panel, more_goafs
from sxrisk.sample.pit import Pit, make_pit
from sxrisk.sample.places import Settlements, blob, build_houses, fill_villages, house, place_services
from sxrisk.sample.planted import Hazard, Hazards, Planted, at_distance, plant
from sxrisk.sample.sites import choose_dump, choose_pit, choose_pond_valleys
from sxrisk.sample.surface import burn
from sxrisk.sample.tailings import Pond, make_pond
from sxrisk.sample.terrain import Terrain, make_terrain
from sxrisk.sample.utilities import Utilities, add_utilities

__all__ = ["County", "DumpRecord", "GoafRecord", "make_county"]

Array = NDArray[np.float64]

CORRIDOR_HALF_WIDTH_M = 60.0
MOVEMENT_ANGLE_DEG = 72.0
GOAF_FLOOR_DEPTH_M = 85.0


@dataclass(frozen=True)
class DumpRecord:
    """A waste dump as its layer has it; the stack height there is the designed one."""

    key: str
    name: str
    outline: Polygon
    stack_height_m: float | None


@dataclass
class County:
    """Everything there is, in EPSG:4547 and 1985 heights.

    Parameters
    ----------
    seed : int
        Seed of the sample.
    terrain : Terrain
        Ground with all sites in it.
    outline : Polygon
        County.
    towns : list of (name, Polygon)
        Townships.
    network, settlements, hazards, register, utilities
        Roads and pipelines, places, planted hazards, the enterprise table, chemical plants and town lines.
    pit, dump, ponds, goaf
        The scanned sites; the first pond is the one that is scanned.
    dumps, goafs : list
        Records of the layers.
    paths : list of LineString
        Way of tailings from each pond's toe, 2.4 km.
    planted : list of Planted
        Pairs put on purpose, in addition to those of `hazards`.
    overhead : list of dict
        What is known about villages below ponds.
    """

    seed: int
    terrain: Terrain
    outline: Polygon
    towns: list[tuple[str, Polygon]]
    network: Network
    settlements: Settlements
    hazards: Hazards
    register: Register
    utilities: Utilities
    pit: Pit
    dump: Dump
    ponds: list[Pond]
    goaf: Goaf
    dumps: list[DumpRecord]
    goafs: list[GoafRecord]
    paths: list[LineString]
    planted: list[Planted]
    overhead: list[dict[str, Any]]


def make_county(seed: int) -> County:
    """Make the county of a seed.

    Parameters
    ----------
    seed : int
        Seed of the sample.

    Returns
    -------
    County
    """
    natural = make_terrain(seed)
    outline = county_outline(seed)
    pit_at = choose_pit(natural)
    dump_at, downslope = choose_dump(natural, pit_at)
    valleys = choose_pond_valleys(natural, [pit_at, dump_at], 3)
    pit = make_pit(natural, seed, pit_at)
    dump = make_dump(natural, seed, dump_at, downslope)
    ponds = [make_pond(natural, seed, v, f"pond-{k}", 0.5 if k == 0 else 1.5) for k, v in enumerate(valleys)]
    terrain = burn(natural, [pit.before, dump.before, *(pond.ground for pond in ponds)])
    paths = [terrain.flow_path(pond.toe[:2], 2_400.0) for pond in ponds]

    settlements = Settlements()
    rng = random_stream(seed, "special villages")
    overhead = _villages_below_ponds(rng, terrain, ponds, paths, settlements)
    planted = _villages_by_dump(rng, dump, settlements)
    blocked = np.array(
        [
            [*pit.centre, 360.0],
            [*dump.centre, 330.0],
            *([*(pond.valley.point - 120.0 * pond.valley.downstream), 420.0] for pond in ponds),
            *([v.outline.centroid.x, v.outline.centroid.y, 170.0] for v in settlements.villages),
        ]
    )
    network = make_network(terrain, seed, outline, blocked)
    # the three villages below ponds and the nearest hamlet by the dump get a road of their own
    targets = [_edge_point(village.outline, rng) for village in settlements.villages[:4]]
    targets += _valley_heads(terrain, network, outline, 15, [*paths, Point(pit_at), Point(dump_at)])
    add_township_roads(network, terrain, np.array(targets), blocked)
    sites: list[BaseGeometry] = [Polygon(pit.outline), Polygon(dump.outline), *(Polygon(p.outline) for p in ponds)]
    pipes = unary_union([pipe.line for pipe in network.pipelines])
    keep_off = [(shape, 520.0) for shape in sites] + [(pipes, 140.0), *((path, 300.0) for path in paths)]
    keep_off += [(Point(pond.toe[:2]), 1_200.0) for pond in ponds]
    fill_villages(settlements, terrain, network, seed, outline, keep_off, 62)
    goaf, goaf_record, goaf_planted = _goaf_under_village(terrain, seed, settlements, network, sites)
    planted += goaf_planted
    scanned = Hazard("KC-01", f"合山露天铝土矿{MARK_ZH}", "pits", Polygon(pit.outline), 48.0)
    hazards = plant(terrain, network, settlements, seed, outline, [*sites, *paths], scanned)
    utilities = add_utilities(
        terrain, network, settlements, seed, outline, [*sites, *paths, *hazards.all_places(), goaf_record.outline]
    )
    no_houses = unary_union(
        [
            goaf_record.outline.buffer(48.0),
            *(building.outline.buffer(8.0) for building in settlements.buildings),
            *(place.buffer(40.0) for place in utilities.all_places()),
        ]
    )
    build_houses(settlements, network, seed, 1_480, no_houses)
    _school_by_dump(dump, settlements, planted)
    place_services(settlements, seed, unary_union([pipes, Polygon(dump.outline)]))
    dumps = _dumps(seed, dump, hazards, settlements, network, outline)
    goafs = [goaf_record, *more_goafs(seed, outline, settlements)]
    goafs.append(caved_panel(goafs, settlements, [*sites, pipes]))
    terrain = _dig(terrain, [*hazards.pits[1:], *hazards.quarries])
    names = ("城关镇", "上河镇", "东坪镇", "青石乡", "柳林沟乡", "红岭乡", "南峪乡", "北垣乡")
    towns = [
        (f"{name}{MARK_ZH}", polygon)
        for name, polygon in zip(names, townships(seed, outline, network.seats), strict=True)
    ]
    register = make_register(terrain, network, hazards, seed, outline, towns)
    return County(
        seed, terrain, outline, towns, network, settlements, hazards, register, utilities, pit, dump, ponds, goaf,
        dumps, goafs, paths, [*planted, *hazards.planted, *utilities.planted], overhead,
    )  # fmt: skip


def _villages_below_ponds(
    rng: np.random.Generator, terrain: Terrain, ponds: list[Pond], paths: list[LineString], settlements: Settlements
) -> list[dict[str, Any]]:
    """Villages on a pond's flow path within 1 km, near it but off the path, and on a path beyond 1 km."""
    on_path = paths[0].interpolate(650.0)
    first = affinity.translate(blob(rng, 62.0), on_path.x, on_path.y)
    beside = affinity.translate(blob(rng, 60.0), *_off_path(terrain, ponds[0], paths[0], first))
    far = paths[1].interpolate(1_380.0)
    beyond = affinity.translate(blob(rng, 62.0), far.x, far.y)
    cases = (
        (first, 0, "classified", "on the flow path within 1 km"),
        (beside, 0, "none", "within 1 km in a straight line, off the flow path"),
        (beyond, 1, "none", "on the flow path, beyond 1 km"),
    )
    truth = []
    for outline, pond, expected, note in cases:
        ring = Polygon(np.round(np.asarray(outline.exterior.coords), 2))
        village = settlements.add_village(rng, ring, int(rng.integers(45, 110)))
        truth.append({"pond": f"WK-{pond + 1:02d}", "village": village.key, "expected": expected, "note": note})
    return truth


def _off_path(terrain: Terrain, pond: Pond, path: LineString, other: Polygon) -> Array:
    """The gentlest place 450 to 800 m from the toe, over 330 m off the path."""
    toe = pond.toe[:2]
    offsets = np.arange(-800.0, 801.0, 40.0)
    spots = toe + np.column_stack([k.ravel() for k in np.meshgrid(offsets, offsets)])
    away = np.hypot(*(spots - toe).T)
    slope = terrain.slope[terrain.index(spots)]
    pond_outline = Polygon(pond.outline)
    score = [
        s
        if 450 < d < 800
        and path.distance(Point(p)) > 330
        and pond_outline.distance(Point(p)) > 250
        and other.distance(Point(p)) > 250
        else np.inf
        for s, d, p in zip(slope, away, spots, strict=True)
    ]
    return np.round(spots[int(np.argmin(score))], 2)


def _villages_by_dump(rng: np.random.Generator, dump: Dump, settlements: Settlements) -> list[Planted]:
    """Hamlets inside, at, and outside twice the dump's height, in front of it and to its right."""
    outline = Polygon(dump.outline)
    limit = 2.0 * dump.truth["stack_height_m"][-1]
    cases = ((65.0, 0.0, "advisory"), (limit + 0.4, -48.0, "too_close_to_call"), (limit + 16.0, -96.0, "none"))
    planted = []
    for aim, turn_deg, expected in cases:
        turn = np.radians(turn_deg)
        c, s = np.cos(turn), np.sin(turn)
        away = np.array([c * dump.downslope[0] - s * dump.downslope[1], s * dump.downslope[0] + c * dump.downslope[1]])
        shape = at_distance(blob(rng, 36.0), outline, dump.centre, away, aim)
        shape = Polygon(np.round(np.asarray(shape.exterior.coords), 3))
        village = settlements.add_village(rng, shape, int(rng.integers(14, 30)))
        planted.append(
            Planted("DUMP-2H-R", "dumps", "PTC-01", "villages", village.key, aim, limit, expected, "H from the scan")
        )
    return planted


def _school_by_dump(dump: Dump, settlements: Settlements, planted: list[Planted]) -> None:
    """A school within twice the dump's height, beside the nearest hamlet."""
    across = np.array([-dump.downslope[1], dump.downslope[0]])
    limit = 2.0 * dump.truth["stack_height_m"][-1]
    place = at_distance(Point(0, 0), Polygon(dump.outline), dump.centre + 58.0 * across, dump.downslope, 82.0)
    point = Point(np.round(np.asarray(place.coords[0]), 2))
    settlements.schools.append(("XX-01", f"排土场下教学点{MARK_ZH}", point, 36))
    planted.append(
        Planted("DUMP-2H", "dumps", "PTC-01", "schools", "XX-01", 82.0, limit, "suspected", "H from the scan")
    )


def _edge_point(outline: Polygon, rng: np.random.Generator) -> Array:
    """A point 25 m outside an outline."""
    ring = outline.buffer(25.0).exterior
    return np.round(np.array(ring.interpolate(rng.uniform(), normalized=True).coords[0]), 2)


def _valley_heads(
    terrain: Terrain, network: Network, county: Polygon, count: int, away: list[BaseGeometry]
) -> list[Array]:
    """Places on smaller streams far from the classified roads, well apart: where township roads lead."""
    _, area = terrain.drainage
    area = area.reshape(terrain.z.shape)
    row, col = np.nonzero((area > 0.9e6) & (area < 4e6))
    spots = terrain.centre(row, col)[::5]
    inner = county.buffer(-900.0)
    roads = unary_union([road.line for road in network.roads])
    chosen: list[Array] = []
    good = [
        p
        for p in spots
        if inner.contains(Point(p)) and roads.distance(Point(p)) > 900 and all(g.distance(Point(p)) > 900 for g in away)
    ]
    good.sort(key=lambda p: -roads.distance(Point(p)))
    for spot in good:
        if all(np.hypot(*(spot - other)) > 2_300 for other in chosen):
            chosen.append(np.round(spot + 40.0, 2))
        if len(chosen) == count:
            break
    return chosen


def _goaf_under_village(
    terrain: Terrain, seed: int, settlements: Settlements, network: Network, sites: list[BaseGeometry]
) -> tuple[Goaf, GoafRecord, list[Planted]]:
    """The scanned room under a village, with houses inside, at and outside its zone of movement."""
    pipes = unary_union([pipe.line for pipe in network.pipelines])
    seat = Point(network.seats[0])
    fit = [
        v
        for v in settlements.villages[6:]
        if 70 < v.households < 320
        and pipes.distance(v.outline) > 400
        and min(s.distance(v.outline) for s in sites) > 1_500
    ]
    village = min(fit, key=lambda v: v.outline.distance(seat))
    middle = np.array(village.outline.centroid.coords[0]).round(1)
    ground = float(terrain.at(middle[None])[0])
    probe = make_goaf(seed, np.array([*middle, 0.0]))
    centre = np.array([*middle, round(ground - GOAF_FLOOR_DEPTH_M - probe.truth["floor_height_m"], 3)])
    goaf = make_goaf(seed, centre)
    goaf.truth["ground_height_m"] = ground
    goaf.truth["village"] = village.key
    outline = Polygon(np.round(np.array(goaf.truth["outline"]), 2))
    record = GoafRecord("CK-01", f"合山一号采空区{MARK_ZH}", outline, GOAF_FLOOR_DEPTH_M, 12.5, 0.0, "未垮落")
    zone = GOAF_FLOOR_DEPTH_M / np.tan(np.radians(MOVEMENT_ANGLE_DEG))
    planted = []
    road = unary_union([r.line for r in network.roads])
    cases = (
        (None, 0.0, "suspected"), (None, 155.0, "suspected"), (None, 335.0, "suspected"), (15.0, 95.0, "suspected"),
        (zone + 0.3, 210.0, "too_close_to_call"), (zone + 9.0, 300.0, "none"),
    )  # fmt: skip
    for aim, start_deg, expected in cases:
        for extra in range(0, 360, 12):
            turn = np.radians(start_deg + extra)
            away = np.array([np.cos(turn), np.sin(turn)])
            turned = affinity.rotate(house(), float(np.degrees(turn)), origin=(0, 0))
            shape = (
                affinity.translate(turned, *(middle + (17.0 if start_deg else 0.0) * away))
                if aim is None
                else at_distance(turned, outline, middle, away, aim)
            )
            shape = Polygon(np.round(np.asarray(shape.exterior.coords), 3))
            if shape.distance(road) > 10 and all(shape.distance(b.outline) > 4 for b in settlements.buildings):
                building = settlements.add_building(shape)
                pair = ("goafs", "CK-01", "buildings", building.key)
                note = f"limit: depth / tan({MOVEMENT_ANGLE_DEG:g} deg), level seam"
                planted.append(Planted("GOAF-ZONE", *pair, aim or 0.0, zone, expected, note))
                break
    return goaf, record, planted


def _dumps(
    seed: int, dump: Dump, hazards: Hazards, settlements: Settlements, network: Network, county: Polygon
) -> list[DumpRecord]:
    """The scanned dump, whose layer has only the designed height, and three small ones far from people."""
    rng = random_stream(seed, "dumps")
    records = [DumpRecord("PTC-01", f"合山一号排土场{MARK_ZH}", Polygon(dump.outline), 40.0)]
    roads = unary_union([road.line for road in network.roads])
    taken = hazards.all_places()
    for hazard in hazards.pits[1:]:
        for _ in range(300):
            turn = rng.uniform(0, 2 * np.pi)
            middle, away = np.array(hazard.place.centroid.coords[0]), np.array([np.cos(turn), np.sin(turn)])
            shape = at_distance(blob(rng, 70.0), hazard.place, middle, away, 60.0)
            shape = Polygon(np.round(np.asarray(shape.exterior.coords), 2))
            far = all(v.outline.distance(shape) > 320 for v in settlements.villages)
            free = all(other.distance(shape) > 40 for other in taken) and roads.distance(shape) > 60
            alone = all(b.outline.distance(shape) > 320 for b in settlements.buildings)
            if far and free and alone and county.contains(shape):
                key = f"PTC-{len(records) + 1:02d}"
                height = None if len(records) == 3 else round(float(rng.uniform(18, 40)), 1)
                records.append(DumpRecord(key, hazard.name.replace("露天矿", "排土场"), shape, height))
                break
        if len(records) == 4:
            break
    return records


def _dig(terrain: Terrain, hazards: list[Hazard]) -> Terrain:
    """Hollows for the pits and quarries that are not scanned."""
    import shapely

    z = terrain.z.copy()
    for hazard in hazards:
        west, south, east, north = hazard.place.buffer(40.0).bounds
        (r0, r1), (c0, c1) = terrain.index(np.array([[west, north], [east, south]]))
        rows, cols = np.meshgrid(np.arange(r0, r1 + 1), np.arange(c0, c1 + 1), indexing="ij")
        points = shapely.points(terrain.centre(rows.ravel(), cols.ravel()))
        inside = shapely.contains(hazard.place, points)
        depth = np.where(inside, np.minimum(shapely.distance(hazard.place.exterior, points), hazard.depth_m), 0.0)
        z[r0 : r1 + 1, c0 : c1 + 1] -= depth.reshape(rows.shape)
    return Terrain(z, terrain.river, terrain.cell_m)
