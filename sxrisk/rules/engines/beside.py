"""Lines that cross and then run side by side: the crossing hides how near they run."""

import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from sxrisk.crs import local_metric
from sxrisk.rules._pairs import pairs_within
from sxrisk.rules.context import RuleContext
from sxrisk.rules.criterion import Rule
from sxrisk.rules.features import NotApplied, Selection

__all__ = ["crossed_and_parallel"]

# A line that crosses at 30 degrees or more has left the strip at this many limits from the crossing.
_LIMITS_CUT = 2.0


def crossed_and_parallel(context: RuleContext, rule: Rule, subjects: Selection, objects: Selection) -> list[NotApplied]:
    """Subjects that cross an object and run within the limit of it elsewhere, which a nearest distance of 0 hides.

    A clause on lines side by side leaves the crossing itself to another one: such pairs have no distance that could be
    judged. What lies within two limits of a crossing is the crossing.

    Parameters
    ----------
    context : RuleContext
    rule : Rule
        Engine `distance` with ``min_value`` 0.
    subjects, objects : Selection

    Returns
    -------
    list of NotApplied
        One for each subject, reason ``crosses_and_parallel``, counting its objects.
    """
    rows = context.table.rows
    pairs = pairs_within(
        context.table.pieces_of(subjects), context.table.pieces_of(objects), np.zeros(len(subjects.positions))
    )
    shapes = rows["geometry"].to_numpy(dtype=object)
    met: dict[int, int] = {}
    for left, right, distance in zip(pairs.left, pairs.right, pairs.distance_m, strict=True):
        one, other = int(subjects.positions[left]), int(objects.positions[right])
        if distance == 0 and one != other and _runs_beside(shapes[one], shapes[other], rule.value):
            met[one] = met.get(one, 0) + 1
    return [NotApplied(rule.id, *_named(rows, one), "crosses_and_parallel", count) for one, count in met.items()]


def _named(rows: pd.DataFrame, position: int) -> tuple[str, str]:
    return str(rows["kind"].iloc[position]), str(rows["id"].iloc[position])


def _runs_beside(one: shapely.Geometry, other: shapely.Geometry, limit_m: float) -> bool:
    """Whether a line comes within the limit of what it crosses at a place that is not the crossing."""
    crossing = shapely.intersection(one, other)
    if shapely.is_empty(crossing):
        return False
    middle = shapely.centroid(crossing)
    project = local_metric(shapely.get_x(middle), shapely.get_y(middle)).transform

    def flat(shape: shapely.Geometry) -> shapely.Geometry:
        def moved(xy: NDArray[np.float64]) -> NDArray[np.float64]:
            return np.column_stack(project(xy[:, 0], xy[:, 1]))

        return shapely.transform(shape, moved)

    apart = shapely.difference(flat(one), shapely.buffer(flat(crossing), _LIMITS_CUT * limit_m))
    return bool(not shapely.is_empty(apart) and shapely.distance(apart, flat(other)) < limit_m)
