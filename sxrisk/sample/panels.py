"""Worked-out panels of coal: some far from people, one caved under the edge of a village."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from shapely import affinity
from shapely.geometry import Polygon, box
from shapely.geometry.base import BaseGeometry

from sxrisk.sample.frame import MARK_ZH, random_stream
from sxrisk.sample.places import Settlements

__all__ = ["GoafRecord", "caved_panel", "more_goafs"]

# By number: what is known of the roofs; of the others nobody knows.
_STATES = {3: "垮落", 5: "垮落"}
_PANEL_DEPTH_M, _PANEL_THICKNESS_M = 220.0, 3.4


@dataclass(frozen=True)
class GoafRecord:
    """A goaf as its layer has it; `state` in the words of the office, empty where nobody knows."""

    key: str
    name: str
    outline: Polygon
    depth_m: float
    thickness_m: float
    dip_deg: float
    state: str = ""


def more_goafs(seed: int, county: Polygon, settlements: Settlements) -> list[GoafRecord]:
    """Larger worked-out panels of coal, some dipping, some with a village at their edge."""
    rng = random_stream(seed, "goafs")
    records: list[GoafRecord] = []
    inner = county.buffer(-1_200.0)
    west, south, east, north = inner.bounds
    while len(records) < 5:
        depth = float(rng.integers(12, 42) * 10)
        panel = box(-0.5, -0.5, 0.5, 0.5)
        panel = affinity.scale(panel, rng.uniform(420, 1100), rng.uniform(140, 230))
        panel = affinity.rotate(panel, rng.uniform(0, 180), origin=(0, 0))
        panel = affinity.translate(panel, rng.uniform(west, east), rng.uniform(south, north))
        near = sum(v.outline.distance(panel) < 0.5 * depth for v in settlements.villages)
        if not inner.contains(panel) or any(r.outline.distance(panel) < 800 for r in records):
            continue
        if near > 1 or (near == 1 and len(records) > 1):
            continue
        outline = Polygon(np.round(np.asarray(panel.exterior.coords), 2))
        dip = float(rng.choice([0.0, 4.0, 8.0, 12.0]))
        number = len(records) + 2
        thickness = round(float(rng.uniform(2.2, 6.5)), 1)
        name = f"合山{number}号采空区{MARK_ZH}"
        records.append(GoafRecord(f"CK-{number:02d}", name, outline, depth, thickness, dip, _STATES.get(number, "")))
    return records


def caved_panel(goafs: Sequence[GoafRecord], settlements: Settlements, keep_off: Sequence[BaseGeometry]) -> GoafRecord:
    """A level, caved panel with its long side along the edge of the village that has most houses beside it."""
    panel = box(-0.5, -0.5, 0.5, 0.5)
    panel = affinity.scale(panel, 620.0, 190.0)
    best: tuple[int, Polygon] | None = None
    for village in settlements.villages:
        middle = village.outline.centroid
        if any(place.distance(village.outline) < 1_200 for place in (*keep_off, *(goaf.outline for goaf in goafs))):
            continue
        for turn in range(0, 360, 30):
            way = np.array([np.cos(np.radians(turn)), np.sin(np.radians(turn))])
            turned = affinity.rotate(panel, turn + 90.0, origin=(0, 0))
            reach = max((np.asarray(village.outline.exterior.coords) - [middle.x, middle.y]) @ way)
            # The village's own edge reaches a third of the panel's width over it.
            shape = affinity.translate(turned, *(np.array([middle.x, middle.y]) + (reach + 30.0) * way))
            others = [other for other in settlements.villages if other is not village]
            if any(other.outline.distance(shape) < 250 for other in others):
                continue
            # The truth lists no hospitals: their layer is in shifted coordinates.
            if any(place.distance(shape) < 250 for _, _, place, _ in settlements.hospitals):
                continue
            near = sum(building.outline.distance(shape) < 110 for building in settlements.buildings)
            if best is None or near > best[0]:
                best = near, shape
    if best is None:
        raise RuntimeError("no village has room for a panel beside it")
    outline = Polygon(np.round(np.asarray(best[1].exterior.coords), 2))
    number = len(goafs) + 1
    return GoafRecord(
        f"CK-{number:02d}", f"合山{number}号采空区{MARK_ZH}", outline, _PANEL_DEPTH_M, _PANEL_THICKNESS_M, 0.0, "垮落"
    )
