"""Chemical plants, power lines and town gas: what the county's industry office keeps beside its mines."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from shapely import affinity
from shapely.geometry import LineString, Point, Polygon
from shapely.geometry.base import BaseGeometry
from shapely.ops import unary_union

from sxrisk.errors import GeometryError
from sxrisk.sample.frame import MARK_ZH, random_stream
from sxrisk.sample.network import Network
from sxrisk.sample.places import Place, Settlements, house
from sxrisk.sample.planted import Planted, at_distance
from sxrisk.sample.terrain import Terrain

__all__ = ["ChemicalSite", "ChemicalUnit", "GasPipe", "PowerLine", "Utilities", "add_utilities"]

Array = NDArray[np.float64]

POPULATION_RADIUS_M = 500.0


@dataclass(frozen=True)
class ChemicalSite:
    """A plant inside its fence (EPSG:4547)."""

    key: str
    name: str
    outline: Polygon


@dataclass(frozen=True)
class ChemicalUnit:
    """A production or storage unit: key, name, its plant, place, and what lies in it as (name, CAS, tonnes)."""

    key: str
    name: str
    site: str
    use: str
    place: Point
    substances: tuple[tuple[str, str, float], ...]


@dataclass(frozen=True)
class PowerLine:
    """An overhead line: key, name, kV, centreline."""

    key: str
    name: str
    voltage_kv: int
    line: LineString


@dataclass(frozen=True)
class GasPipe:
    """A town gas main: key, name, pressure level as offices write it, centreline."""

    key: str
    name: str
    level: str
    line: LineString


@dataclass
class Utilities:
    """All of them, with the pairs planted on purpose and what is known of the chemical units."""

    sites: list[ChemicalSite] = field(default_factory=list)
    units: list[ChemicalUnit] = field(default_factory=list)
    power_lines: list[PowerLine] = field(default_factory=list)
    gas_pipes: list[GasPipe] = field(default_factory=list)
    planted: list[Planted] = field(default_factory=list)
    truth: list[dict[str, Any]] = field(default_factory=list)

    def all_places(self) -> list[BaseGeometry]:
        """Outlines and lines of all of them."""
        return [
            *(site.outline for site in self.sites),
            *(line.line for line in self.power_lines),
            *(pipe.line for pipe in self.gas_pipes),
        ]


def add_utilities(
    terrain: Terrain,
    network: Network,
    settlements: Settlements,
    seed: int,
    county: Polygon,
    taken: list[BaseGeometry],
) -> Utilities:
    """Plants at and far from the county town, a power line and gas mains with houses too near and near enough.

    Parameters
    ----------
    terrain : Terrain
        The county.
    network : Network
        Roads, pipelines and seats.
    settlements : Settlements
        Gets the planted houses.
    seed : int
        Seed of the sample.
    county : Polygon
        Outline.
    taken : list of geometry
        Sites and hazards to keep off.

    Returns
    -------
    Utilities
    """
    rng = random_stream(seed, "utilities")
    utilities = Utilities()
    lines = [*(road.line for road in network.roads), *(pipe.line for pipe in network.pipelines)]
    busy = unary_union([*lines, *taken, *(building.outline for building in settlements.buildings)])
    free = _Free(terrain, county.buffer(-700.0), busy, settlements)
    _plants(rng, free, settlements, utilities)
    _power_line(rng, free, settlements, utilities)
    _gas_mains(rng, free, settlements, utilities)
    return utilities


@dataclass(frozen=True)
class _Free:
    """Where something new may stand."""

    terrain: Terrain
    county: Polygon
    busy: BaseGeometry
    settlements: Settlements

    def takes(self, shape: BaseGeometry, clear_m: float, steepest: float = 0.25) -> bool:
        middle = np.array(shape.centroid.coords)
        flat = float(self.terrain.slope[self.terrain.index(middle)][0]) < steepest
        return flat and self.county.contains(shape) and self.busy.distance(shape) > clear_m


def _plants(rng: np.random.Generator, free: _Free, settlements: Settlements, utilities: Utilities) -> None:
    """One by the town, one by a village that its 500 m cuts, one alone, and a unit whose plant nobody drew."""
    town = max(settlements.villages, key=lambda village: village.households)
    middling = [village for village in settlements.villages if 25 < village.households < 60]
    places = (
        ("HG-01", "合山氯碱化工", _beside(rng, free, [town], 120.0)),
        ("HG-02", "合山氮肥", _beside(rng, free, middling, POPULATION_RADIUS_M - 40.0)),
        ("HG-03", "合山甲醇", _alone(rng, free, settlements)),
    )
    for key, name, outline in places:
        utilities.sites.append(ChemicalSite(key, f"{name}{MARK_ZH}", outline))
    inside = {site.key: site.outline.centroid for site in utilities.sites}
    lost = affinity.translate(inside["HG-03"], 2_600.0, 300.0)
    units = (
        ("HG-01-C1", "液氯库", "HG-01", "储存", inside["HG-01"], (("氯", "7782-50-5", 40.0),)),
        (
            "HG-01-S1",
            "电解装置",
            "HG-01",
            "生产",
            inside["HG-01"],
            (("氯", "7782-50-5", 3.0), ("氢", "1333-74-0", 1.0)),
        ),
        ("HG-02-C1", "液氨罐区", "HG-02", "储存", inside["HG-02"], (("氨", "7664-41-7", 240.0),)),
        ("HG-03-C1", "甲醇罐区", "HG-03", "储存", inside["HG-03"], (("甲醇", "67-56-1", 6000.0), ("汽油", "", 50.0))),
        ("HG-09-C1", "乙炔库", "HG-09", "储存", lost, (("乙炔", "74-86-2", 2.0),)),
    )
    utilities.units += [
        ChemicalUnit(key, f"{name}{MARK_ZH}", site, use, place, content)
        for key, name, site, use, place, content in units
    ]
    outlines = {site.key: site.outline for site in utilities.sites}
    for unit in utilities.units:
        if unit.site in outlines:
            low, high = _population(outlines[unit.site], settlements)
            utilities.truth.append(
                {"unit": unit.key, "site": unit.site, "population_low": low, "population_high": high}
            )
        else:
            utilities.truth.append(
                {"unit": unit.key, "site": unit.site, "note": "the plant's outline is not in the data"}
            )


def _population(plant: Polygon, settlements: Settlements) -> tuple[int, int]:
    """People of villages wholly within 500 m of the fence, and of all that it touches (2.7 a household)."""
    zone = plant.buffer(POPULATION_RADIUS_M, quad_segs=64)
    people = [(village.outline, round(village.households * 2.7)) for village in settlements.villages]
    low = sum(count for outline, count in people if zone.covers(outline))
    return low, sum(count for outline, count in people if zone.intersects(outline))


def _plant(rng: np.random.Generator) -> Polygon:
    return affinity.rotate(house(170.0, 120.0), float(rng.uniform(0, 180)), origin=(0, 0))


def _beside(rng: np.random.Generator, free: _Free, villages: list[Place], aim_m: float) -> Polygon:
    for _ in range(3_000):
        village = villages[int(rng.integers(len(villages)))]
        turn = rng.uniform(0.0, 2.0 * np.pi)
        away = np.array([np.cos(turn), np.sin(turn)])
        middle = np.array(village.outline.centroid.coords[0])
        shape = _to_centimetre(at_distance(_plant(rng), village.outline, middle, away, aim_m))
        if free.takes(shape, 25.0) and not any(place.outline.intersects(shape) for place in free.settlements.villages):
            return shape
    raise GeometryError(f"no place was found for a plant {aim_m:g} m from a village", remedy="Use another seed")


def _alone(rng: np.random.Generator, free: _Free, settlements: Settlements) -> Polygon:
    people = unary_union([village.outline for village in settlements.villages])
    west, south, east, north = free.county.bounds
    for _ in range(6_000):
        shape = affinity.translate(_plant(rng), rng.uniform(west, east), rng.uniform(south, north))
        shape = _to_centimetre(shape)
        if free.takes(shape, 60.0, 0.4) and people.distance(shape) > 900.0:
            return shape
    raise GeometryError("no place was found for a lone plant", remedy="Use another seed")


def _power_line(rng: np.random.Generator, free: _Free, settlements: Settlements, utilities: Utilities) -> None:
    """A 110 kV line over open ground with three houses beside it: in its strip, at its edge, outside."""
    line, normal = _open_stretch(rng, free, 900.0)
    utilities.power_lines.append(PowerLine("DL-01", f"合山110千伏线路{MARK_ZH}", 110, line))
    for share, aim, expected in (
        (0.2, 6.0, "permit_to_be_shown"),
        (0.5, 10.3, "too_close_to_call"),
        (0.8, 14.0, "none"),
    ):
        building = _house_beside(line, share, normal, aim, settlements)
        utilities.planted.append(
            Planted(
                "OP-9b-35", "power_lines", "DL-01", "buildings", building, aim, 10.0, expected, "centreline as drawn"
            )
        )


def _gas_mains(rng: np.random.Generator, free: _Free, settlements: Settlements, utilities: Utilities) -> None:
    """A medium-pressure A main with a house too near its foundation, and one far enough."""
    line, normal = _open_stretch(rng, free, 400.0)
    utilities.gas_pipes.append(GasPipe("RQ-01", f"城区中压A燃气管{MARK_ZH}", "中压A", line))
    for share, aim, expected in ((0.3, 0.5, "suspected"), (0.7, 4.0, "none")):
        building = _house_beside(line, share, normal, aim, settlements)
        utilities.planted.append(
            Planted("UG-4-MA", "gas_pipes", "RQ-01", "buildings", building, aim, 1.5, expected, "centreline as drawn")
        )


def _open_stretch(rng: np.random.Generator, free: _Free, length_m: float) -> tuple[LineString, Array]:
    people = unary_union([village.outline for village in free.settlements.villages])
    west, south, east, north = free.county.bounds
    for _ in range(6_000):
        start = np.array([rng.uniform(west, east), rng.uniform(south, north)])
        turn = rng.uniform(0.0, np.pi)
        ahead = np.array([np.cos(turn), np.sin(turn)])
        # A mast every 50 m: between two vertices the file's degrees bend a long edge by centimetres.
        masts = np.arange(0.0, length_m + 1.0, 50.0)[:, None]
        line = LineString(np.round(start + masts * ahead, 3))
        if free.takes(line, 130.0, 0.5) and people.distance(line) > 250.0:
            return line, np.array([-ahead[1], ahead[0]])
    raise GeometryError(f"no open stretch of {length_m:g} m was found", remedy="Use another seed")


def _house_beside(line: LineString, share: float, normal: Array, aim_m: float, settlements: Settlements) -> str:
    start = np.array(line.interpolate(share, normalized=True).coords[0])
    turn = float(np.degrees(np.arctan2(-normal[0], normal[1])))
    shape = at_distance(affinity.rotate(house(), turn, origin=(0, 0)), line, start, normal, aim_m)
    return settlements.add_building(Polygon(np.round(np.asarray(shape.exterior.coords), 3))).key


def _to_centimetre(shape: BaseGeometry) -> Polygon:
    return Polygon(np.round(np.asarray(shape.exterior.coords), 2))
