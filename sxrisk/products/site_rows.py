"""A scanned site's measurements in the order in which the products show them, and the few that tell most."""

import math
from collections.abc import Mapping
from typing import Any

from sxrisk.products.text import Language, label

__all__ = ["measurement_rows", "object_words", "telling_rows"]

# What a reader asks first about a site of each kind; the others are shown in its scene.
_TELLING: Mapping[str, tuple[str, ...]] = {
    "open_pit": ("depth", "overall_slope", "moved_area", "body_volume"),
    "quarry": ("depth", "overall_slope", "moved_area", "body_volume"),
    "waste_dump": ("stack_height", "volume_growth", "volume", "body_volume"),
    "tailings_pond": ("freeboard", "beach_length", "crest_level"),
    "goaf": ("volume", "depth", "height"),
}
_OTHERWISE = 5


def measurement_rows(site: Any) -> list[dict[str, Any]]:
    """Measurements by epoch, within it the site as a whole before its moving bodies; what is said twice stands once.

    Parameters
    ----------
    site : SiteResult

    Returns
    -------
    list of dict
        ``metric``, ``value``, ``unit``, ``sigma`` (None where unknown), ``epoch``, ``object`` and ``body``: gain, loss
        or movement, empty where the row is about no moving body.
    """
    bodies = {str(body["id"]): str(body["kind"]) for body in (site.summary.get("change") or {}).get("bodies") or []}
    columns = ["metric", "value", "unit", "sigma", "epoch", "object_id"]
    found: dict[tuple[Any, ...], dict[str, Any]] = {}
    for metric, value, unit, sigma, epoch, other in site.measurements.reindex(columns=columns).itertuples(
        index=False, name=None
    ):
        row = {
            "metric": str(metric),
            "value": float(value),
            "unit": str(unit),
            "sigma": float(sigma) if sigma is not None and math.isfinite(sigma) else None,
            "epoch": str(epoch or ""),
            "object": str(other or ""),
            "body": bodies.get(str(other or ""), ""),
        }
        found.setdefault(tuple(row.values()), row)
    return sorted(found.values(), key=lambda row: (row["epoch"], bool(row["object"]), _by_number(row["object"])))


def telling_rows(site: Any) -> list[dict[str, Any]]:
    """The measurements that a card shows: the latest of each metric that tells most about the kind of site.

    Of the moving bodies the one with the largest volume; a volume with bounds has them as ``low`` and ``high``.
    """
    rows = measurement_rows(site)
    shown = []
    for metric in _TELLING.get(site.kind, ()):
        # Sorted by epoch: the last is the latest.
        latest = [row for row in rows if row["metric"] == metric and bool(row["object"]) == (metric == "body_volume")]
        if metric == "body_volume":
            latest.sort(key=lambda row: abs(row["value"]))
        if latest:
            bounds = {
                end: row["value"]
                for end in ("low", "high")
                for row in rows
                if row["metric"] == f"{metric}_{end}" and row["epoch"] == latest[-1]["epoch"]
            }
            shown.append(latest[-1] | bounds)
    if shown:
        return shown
    return list({row["metric"]: row for row in rows}.values())[:_OTHERWISE]


def object_words(row: Mapping[str, Any], language: Language) -> str:
    """What within the site a row is about: a moving body with its kind, else the object's id.

    Examples
    --------
    >>> object_words({"object": "B2", "body": "loss"}, "en")
    'Body B2 (loss)'
    """
    if not row["body"]:
        return str(row["object"])
    return label("body", "name", language, id=row["object"], kind=label("body", row["body"], language))


def _by_number(text: str) -> tuple[str, int]:
    """B10 after B9."""
    digits = text.lstrip("".join(char for char in text if not char.isdigit()))
    return (text.removesuffix(digits), int(digits)) if digits.isdecimal() else (text, 0)
