"""Class of a tailings pond from its volume and its dam's height, by GB 50863."""

import numpy as np
import shapely
from numpy.typing import ArrayLike, NDArray

from sxrisk.rules.context import Parts, RuleContext
from sxrisk.rules.criterion import Rule
from sxrisk.rules.engines.tailings_class_settings import TailingsClassSettings
from sxrisk.rules.features import NotApplied, Selection
from sxrisk.rules.rows import finding_rows

__all__ = ["apply_tailings_class", "combined_class"]

Classes = NDArray[np.int64]

_RUNOUT = ("runout_low", "runout_median", "runout_high")


def combined_class(by_volume: ArrayLike, by_height: ArrayLike) -> Classes:
    """One class from two: the higher where they differ by one or not at all, else the higher lowered by one.

    Parameters
    ----------
    by_volume, by_height : array_like of int
        1 is the highest class.

    Returns
    -------
    ndarray of int

    Examples
    --------
    >>> combined_class([3, 3, 2, 1], [3, 4, 4, 5]).tolist()
    [3, 3, 3, 2]
    """
    volume, height = np.asarray(by_volume, dtype=np.int64), np.asarray(by_height, dtype=np.int64)
    higher, lower = np.minimum(volume, height), np.maximum(volume, height)
    return np.where(lower - higher <= 1, higher, higher + 1)


def apply_tailings_class(context: RuleContext, rule: Rule, subjects: Selection, objects: Selection) -> Parts:
    """Engine `tailings_class`: the class of each pond that has a volume and a height, with the two it comes from.

    A registered class (`class_of_dam`) that says otherwise is told. Where class 1 takes part, its limits are. Beside
    the class stands how far past failures of such ponds ran, where `reach` has worked it out.
    """
    settings = TailingsClassSettings.model_validate(rule.settings)
    table = context.table
    volume, height = (table.column(name)[subjects.positions] for name in ("storage_volume_m3", "dam_height_m"))
    rows = table.rows.iloc[subjects.positions]
    known = (volume > 0) & (height > 0)
    gaps = [
        NotApplied(rule.id, str(row.kind), str(row.id), _gap(float(v), float(h)), 1)
        for row, v, h, is_known in zip(rows.itertuples(), volume, height, known, strict=True)
        if not is_known
    ]
    rows, volume, height = rows[known], volume[known], height[known]
    by_volume, by_height = _class(volume, settings.volume_m3), _class(height, settings.height_m)
    found = combined_class(by_volume, by_height)
    registered = table.column("class_of_dam")[subjects.positions][known]
    differs = np.isfinite(registered) & (registered != found)
    runout = {
        f"{metric}_m": context.measured.one_each(metric, greatest=True)["value"].reindex(rows["key"]).to_numpy()
        for metric in _RUNOUT
    }
    how = context.measured.one_each("runout_median", greatest=True)["method"].reindex(rows["key"]).fillna("")
    extrapolated = np.array([str(method).endswith(",extrapolated") for method in how], dtype=bool)
    details = []
    for k in range(len(rows)):
        shown = {
            "class_by_volume": int(by_volume[k]),
            "class_by_height": int(by_height[k]),
            "storage_volume_m3": float(volume[k]),
            "dam_height_m": float(height[k]),
        }
        if np.isfinite(registered[k]):
            shown["registered_class"] = int(registered[k])
        # Two digits are more than such a spread deserves.
        shown |= {name: float(f"{value[k]:.2g}") for name, value in runout.items() if np.isfinite(value[k])}
        details.append(shown)
    everywhere = np.ones(len(rows), dtype=bool)
    return (
        finding_rows(
            context.catalogue,
            rule,
            rows,
            None,
            measured=found.astype(np.float64),
            required=rule.value,
            sigma=np.zeros(len(rows)),
            is_broken=everywhere,
            probability=everywhere.astype(np.float64),
            geometry=np.asarray(shapely.point_on_surface(rows["geometry"].to_numpy(dtype=object)), dtype=object),
            results=[str(number) for number in found],
            details=details,
            reasons=[
                ("registered_class_differs", differs),
                ("registered_class_lower", differs & (registered > found)),
                ("runout_extrapolated", extrapolated),
                ("class_one_limit_unread", np.minimum(by_volume, by_height) == 1),
            ],
        ),
        gaps,
    )


def _class(values: NDArray[np.float64], bounds: tuple[float, ...]) -> Classes:
    """1 where a value reaches the first bound, one more for each bound that it does not reach."""
    return np.asarray(1 + (values[:, None] < np.asarray(bounds)).sum(axis=1), dtype=np.int64)


def _gap(volume_m3: float, height_m: float) -> str:
    if height_m == 0:
        return "pond_without_dam"
    return f"attribute_missing:{'dam_height_m' if volume_m3 > 0 else 'storage_volume_m3'}"
