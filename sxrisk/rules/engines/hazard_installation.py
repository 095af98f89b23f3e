"""Major hazard installations by GB 18218: is there enough of it, and of which grade."""

import math

import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from sxrisk.errors import InputError
from sxrisk.rules.context import Parts, RuleContext
from sxrisk.rules.criterion import Rule
from sxrisk.rules.engines.hazard_installation_settings import Band, HazardInstallationSettings
from sxrisk.rules.engines.hazard_installation_sites import outline_of, people_around, sites_of
from sxrisk.rules.engines.hazard_installation_units import Book, Unit, reaches, units_of
from sxrisk.rules.features import NotApplied, Selection
from sxrisk.rules.rows import finding_rows

__all__ = ["apply_hazard_installation"]

# Kinds that tell where people live.
_HOMES = ("settlement", "building")


def apply_hazard_installation(context: RuleContext, rule: Rule, subjects: Selection, objects: Selection) -> Parts:
    """Engine `hazard_installation`: sum of q/Q of a unit against a limit, or its grade by R = alpha sum of beta q/Q.

    A unit is given as one row a substance with the same site and unit id, or with all substances in the cell
    `substances` (``name:tonnes`` or ``name:tonnes:class``, separated by semicolons). Production and storage units are
    judged apart. What is known of a unit makes it an installation whatever else lies there: then R is a lower bound.
    Below the limit each thing unknown is a gap, and so is a missing unit or site id where rows that may belong together
    reach it. alpha comes from the people within the distance of the site's outline: the enterprise polygon of the
    unit's `site_id` or the one it lies in, else the unit's own polygon.
    """
    settings = HazardInstallationSettings.model_validate(rule.settings)
    tables = _tables(context, rule, settings)
    limit = context.catalogue.rules[settings.identified_by].value if settings.identified_by else rule.value
    units = units_of(context, subjects, sites_of(context, subjects), Book(tables))
    gaps = [_gap(context, rule, unit.row, reason) for unit in units for reason in _open(unit, limit)]
    installations = [unit for unit in units if reaches(unit.ratio, limit)]
    if not settings.identified_by:
        return _identified(context, rule, installations), gaps
    found, more = _graded(context, rule, settings, installations, objects)
    return found, gaps + more


def _open(unit: Unit, limit: float) -> list[str]:
    """Why it cannot be said that a unit below the limit is none."""
    if reaches(unit.ratio, limit):
        return []
    reasons = list(unit.unknown)
    if reaches(unit.whole_ratio, limit):
        reasons.append(f"attribute_missing:{unit.missing_id}")
    return reasons


def _tables(context: RuleContext, rule: Rule, settings: HazardInstallationSettings) -> HazardInstallationSettings:
    if not settings.identified_by:
        return settings
    if settings.identified_by not in context.catalogue.rules:
        raise InputError(
            f"identified_by names the rule {settings.identified_by!r}, which is not in the catalogue",
            where=f"rule {rule.id}",
            expected="the id of a rule of engine hazard_installation",
        )
    return HazardInstallationSettings.model_validate(context.catalogue.rules[settings.identified_by].settings)


def _gap(context: RuleContext, rule: Rule, row: int, reason: str) -> NotApplied:
    feature = context.table.rows.iloc[row]
    return NotApplied(rule.id, str(feature["kind"]), str(feature["id"]), reason, 1)


def _identified(context: RuleContext, rule: Rule, units: list[Unit]) -> pd.DataFrame:
    rows = context.table.rows.iloc[[unit.row for unit in units]]
    everywhere = np.ones(len(units), dtype=bool)
    return finding_rows(
        context.catalogue,
        rule,
        rows,
        None,
        measured=np.array([unit.ratio for unit in units], dtype=np.float64),
        required=rule.value,
        sigma=np.zeros(len(units)),
        is_broken=everywhere,
        probability=everywhere.astype(np.float64),
        geometry=_places(rows),
        results=["major_hazard_installation"] * len(units),
        details=[{"substances": len(unit.parts)} for unit in units],
        reasons=_lower_bounds(units),
    )


def _lower_bounds(units: list[Unit]) -> list[tuple[str, NDArray[np.bool_]]]:
    """What may lie in the units beyond what was added up."""
    return [
        ("substances_unknown", np.array([bool(unit.unknown) for unit in units], dtype=bool)),
        ("unit_may_be_larger", np.array([unit.may_be_larger for unit in units], dtype=bool)),
    ]


def _graded(
    context: RuleContext, rule: Rule, settings: HazardInstallationSettings, units: list[Unit], objects: Selection
) -> Parts:
    outlines = [outline_of(context, unit.site, unit.rows) for unit in units]
    gaps = [
        _gap(context, rule, unit.row, f"{_site_gap(unit)}:{unit.site.name or 'site_id'}")
        for unit, outline in zip(units, outlines, strict=True)
        if outline is None
    ]
    chosen = [(unit, outline) for unit, outline in zip(units, outlines, strict=True) if outline is not None]
    if not chosen:
        return pd.DataFrame(), gaps
    people = people_around(context, settings, [outline for _, outline in chosen], objects)
    nobody_told = not np.isin(context.table.rows["kind"].to_numpy(dtype="U"), _HOMES).any()
    low, high, grades, details = [], [], [], []
    for (unit, _), (least, most, uncounted) in zip(chosen, people.to_numpy(dtype=np.float64).tolist(), strict=True):
        alphas = (
            _band(settings.population_factors, least).gives,
            _band(settings.population_factors, np.inf if uncounted or nobody_told else most).gives,
        )
        low.append(alphas[0] * math.fsum(part.share * part.beta_low for part in unit.parts))
        high.append(alphas[1] * math.fsum(part.share * part.beta_high for part in unit.parts))
        # What lies there unknown may raise R without a bound.
        is_open = bool(unit.unknown) or unit.may_be_larger
        # The worse grade has the smaller number and stands first.
        numbers = sorted({_band(settings.grades, value).gives for value in (low[-1], np.inf if is_open else high[-1])})
        grades.append("–".join(f"{number:g}" for number in numbers))
        told = {
            "quantity_ratio": round(unit.ratio, 4),
            "hazard_index_low": round(low[-1], 4),
            "hazard_index_high": None if is_open else round(high[-1], 4),
            "alpha_low": alphas[0],
            "alpha_high": alphas[1],
            "population_low": int(least),
            "population_high": int(most),
            "places_without_population": int(uncounted),
        }
        details.append({name: figure for name, figure in told.items() if figure is not None})
    split = np.array(["–" in grade for grade in grades])
    rows = context.table.rows.iloc[[unit.row for unit, _ in chosen]]
    worst = np.array(high)
    found = finding_rows(
        context.catalogue,
        rule,
        rows,
        None,
        measured=worst,
        required=np.array([_band(settings.grades, value).at_least for value in worst]),
        sigma=np.zeros(len(chosen)),
        is_broken=np.ones(len(chosen), dtype=bool),
        # Both grades are told; which of them holds is open.
        probability=np.where(split, 0.5, 1.0),
        geometry=_places(rows),
        results=grades,
        details=details,
        reasons=[
            ("population_unknown_nearby", people["uncounted"].to_numpy() > 0),
            ("no_layer_of_homes", np.full(len(chosen), nobody_told)),
            ("population_low_high", np.array([d["population_low"] != d["population_high"] for d in details])),
            ("usual_hazard_class", np.array([any(part.usual_class for part in unit.parts) for unit, _ in chosen])),
            ("unit_outline_for_site", np.array([outline.is_own for _, outline in chosen])),
            ("site_by_place", np.array([unit.site.by_place for unit, _ in chosen])),
            *_lower_bounds([unit for unit, _ in chosen]),
        ],
    )
    return found, gaps


def _site_gap(unit: Unit) -> str:
    return "site_ambiguous" if unit.site.ambiguous else "site_polygon_missing"


def _band(bands: tuple[Band, ...], value: float) -> Band:
    return next(band for band in bands if reaches(value, band.at_least))


def _places(rows: pd.DataFrame) -> NDArray[np.object_]:
    return np.asarray(shapely.point_on_surface(rows["geometry"].to_numpy(dtype=object)), dtype=object)
