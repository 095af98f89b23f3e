"""What a moving body is, and which body the material of another came to."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from scipy.spatial import cKDTree

__all__ = ["class_of", "ends_of_slides", "pair_bodies"]

STEEP_DEG = 25.0  # below, nothing falls: ground goes down or comes up
# Along the surface the motion counts beyond this many sigmas and this share of the whole.
_SIGMAS = 4.0
_DOWNSLOPE = 0.5
_FLAT_DEG = 5.0
# Ground that sinks keeps broad and shallow: thickness by width.
_SHALLOW = 0.1
# Material comes to rest below its source, no flatter than this line of sight (the least of large rock avalanches).
_REACH_ANGLE_DEG = 15.0
_NEAR_M = 5.0


def class_of(body: Mapping[str, Any]) -> tuple[str, str]:
    """Class of a body and the reason in words."""
    steep = body["slope_deg"] >= STEEP_DEG
    millimetres = f"{1e3 * body['median_distance_m']:+.0f} mm along the normal"
    down = np.array([body["normal_x"], body["normal_y"], body["normal_z"]]) * body["normal_z"] - [0.0, 0.0, 1.0]
    length = float(np.linalg.norm(down))
    if body["along_m"] > _SIGMAS * body["sigma_along_m"] and body["motion"] == "movement":
        vector = np.array([body[f"{name}_m"] for name in ("east", "north", "up")])
        share = float(vector @ down) / max(length, 1e-9) / float(np.linalg.norm(vector))
        moved = f"moved {1e3 * body['along_m']:.0f} mm along the surface"
        flat = length <= np.sin(np.radians(_FLAT_DEG))
        if not flat and share >= _DOWNSLOPE:
            return "slide", f"{moved}, downslope"
        if body["along_m"] > abs(body["median_distance_m"]):
            return "slide", f"{moved}, on flat ground" if flat else f"{moved}, not downslope: see the registration"
    if body["motion"] == "movement":
        word = "settlement" if body["median_distance_m"] < 0 else "heave"
        return word, f"{millimetres}, the surface kept as it is"
    thin = body["max_distance_abs_m"] < _SHALLOW * np.sqrt(body["area_m2"])
    if body["motion"] == "loss":
        if steep:
            return "rockfall", f"{millimetres} on ground of {body['slope_deg']:.0f} degrees: material lost"
        word = "broad and shallow" if thin else "deep for its width"
        return ("settlement" if thin else "rockfall"), f"{millimetres} on flat ground, {word}"
    return "deposit", f"{millimetres}: material gained"


def pair_bodies(rows: list[dict[str, Any]]) -> None:
    """Fill in ``paired_with`` and ``bulking_ratio``: what fell with the deposit below it, a slide's head with its toe.

    The ratio is the deposit's volume by that of all the sources that lead to it.
    """
    for row in rows:
        row.update(paired_with="", bulking_ratio=float("nan"))
    centre = {row["body_id"]: np.array([row["x_m"], row["y_m"], row["z_m"]]) for row in rows}
    deposits = [row for row in rows if row["class"] == "deposit"]
    for source in (row for row in rows if row["class"] == "rockfall"):
        best = np.inf
        for deposit in deposits:
            step = centre[deposit["body_id"]] - centre[source["body_id"]]
            gap = source["geometry"].distance(deposit["geometry"])
            if step[2] < 0 and gap <= _NEAR_M - step[2] / np.tan(np.radians(_REACH_ANGLE_DEG)) and gap < best:
                best, source["paired_with"] = gap, deposit["body_id"]
    for deposit in deposits:
        sources = [row for row in rows if row["class"] == "rockfall" and row["paired_with"] == deposit["body_id"]]
        if sources:
            ratio = deposit["volume_m3"] / -sum(row["volume_m3"] for row in sources)
            largest = max(sources, key=lambda row: abs(row["volume_m3"]))
            deposit.update(paired_with=largest["body_id"], bulking_ratio=ratio)
            for row in sources:
                row["bulking_ratio"] = ratio


def ends_of_slides(rows: list[dict[str, Any]], cores: Mapping[str, Any], reach_m: float) -> None:
    """Name the slide in ``paired_with`` of the loss at its head and the gain at its toe, and tell it in its reason."""
    for slide in (row for row in rows if row["class"] == "slide"):
        vector = np.array([slide[f"{name}_m"] for name in ("east", "north", "up")])
        middle = np.array([slide["x_m"], slide["y_m"], slide["z_m"]])
        origin = cores[slide["body_id"]].mean(axis=0)
        tree = cKDTree(cores[slide["body_id"]] - origin)
        ends = []
        for row in rows:
            if row is slide or row["class"] == "slide":
                continue
            ahead = float((np.array([row["x_m"], row["y_m"], row["z_m"]]) - middle) @ vector)
            near = float(tree.query(cores[row["body_id"]] - origin)[0].min()) <= reach_m
            if near and ahead * row["median_distance_m"] > 0:
                row["paired_with"] = slide["body_id"]
                ends.append("gain at the toe" if ahead > 0 else "loss at the head")
        slide["class_reason"] += "".join(f"; {end}" for end in sorted(set(ends)))
