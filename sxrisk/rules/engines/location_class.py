"""Location classes of gas pipelines: the engine, and the same for a notebook."""

from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from typing import Any, Literal

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from sxrisk.crs import to_geographic
from sxrisk.errors import GeometryError, ParameterError
from sxrisk.findings import GEOGRAPHIC_CRS
from sxrisk.reach import PipelineRuns, stake_text
from sxrisk.rules.context import Parts, RuleContext
from sxrisk.rules.criterion import Rule
from sxrisk.rules.engines.location_class_lines import classified_lines, dwellings_of, not_lines, uncounted
from sxrisk.rules.engines.location_class_segments import CLASSES, classify_runs
from sxrisk.rules.engines.location_class_settings import LocationClassSettings
from sxrisk.rules.features import FeatureTable, Selection, feature_rows
from sxrisk.rules.judge import SURE
from sxrisk.rules.load import Catalogue, load_catalogue
from sxrisk.rules.places import refuse_rows, without_finite_place, without_place_in_china
from sxrisk.rules.rows import finding_rows

__all__ = [
    "apply_location_class",
    "location_classes",
    "place_parts",
    "stake_range",
]

Array = NDArray[np.float64]
_RANK = {name: rank for rank, name in enumerate(CLASSES)}


def apply_location_class(context: RuleContext, rule: Rule, subjects: Selection, objects: Selection) -> Parts:
    """Engine `location_class`: segments of class 2 and higher, with chainage and the numbers that make them.

    What surely is of class 1 is no finding: :func:`location_classes` tells it. A segment whose low and high numbers
    give different classes is too close to call, and so is one beside buildings whose households nobody stated.
    """
    left = context.table.rows.iloc[subjects.positions].reset_index(drop=True)
    settings = LocationClassSettings.model_validate(rule.settings)
    lines = classified_lines(context, rule, settings, subjects, objects)
    gaps = not_lines(context, rule, subjects, lines.runs) + uncounted(rule, lines)
    pieces = lines.pieces
    pieces = pieces[(pieces["location_class"].map(_RANK) >= _RANK["2"]) | pieces["class_3_possible"]]
    pieces = lines.runs.by_owner(pieces)
    unbounded = pieces["class_3_possible"].to_numpy(dtype=bool)
    # What is open beside buildings without a number is whether the next class above the sure one is reached.
    sure_2 = (pieces["class_low"] == "2").to_numpy()
    of_2 = pieces["location_class"].isin(["1-2", "2"]).to_numpy() & ~(unbounded & sure_2)
    limit = np.where(of_2, rule.value, settings.class_3_from)
    low, high = pieces["low"].to_numpy(), pieces["high"].to_numpy()
    # Above class 3 nothing is a matter of numbers.
    counted = pieces["location_class"].where(pieces["location_class"] != "4", "3")
    unsure = ((counted != pieces["class_low"]) & ~pieces["near_gathering"]).to_numpy(dtype=bool) | unbounded
    first = np.where(of_2, np.floor(limit) + 1.0, limit)
    chance = np.clip((high - first + 1.0) / (high - low + 1.0), 2.0 * (1.0 - SURE), 2.0 * SURE - 1.0)
    # Without an upper bound nothing says which of the two is the likelier.
    chance[unbounded] = 0.5
    above = pieces["location_class"].mask(pieces["class_3_possible"], "3").tolist()
    shown = [
        f"{low_}/{high_}" if open_ else high_
        for low_, high_, open_ in zip(pieces["class_low"], above, unsure, strict=True)
    ]
    owner = left.iloc[pieces["owner"]]
    rows = finding_rows(
        context.catalogue,
        rule,
        owner,
        None,
        measured=high,
        required=limit,
        sigma=np.where(unbounded, np.nan, (high - low) / np.sqrt(12.0)),
        is_broken=~unsure,
        probability=np.where(unsure, chance, 1.0),
        geometry=pieces["geometry"].to_numpy(dtype=object),
        reasons=[
            *((code, pieces[column].to_numpy(dtype=bool)) for code, column in _reasons()),
            ("position_sigma_unknown", (owner["sigma"].isna().to_numpy() | pieces["unplaced"]).to_numpy(dtype=bool)),
        ],
        results=shown,
        details=[_details(piece, settings) for piece in pieces.to_dict("records")],
        parts=place_parts(pieces),
    )
    return rows, gaps


def location_classes(
    pipelines: gpd.GeoDataFrame,
    buildings: gpd.GeoDataFrame,
    *,
    network: Literal["transmission", "urban"] = "transmission",
    unit_length_m: float | None = None,
    half_width_m: float | None = None,
) -> gpd.GeoDataFrame:
    """Pipelines in segments of one location class (地区等级).

    A window of the unit length slides along each line, and holds every building whose outer edge is within the half
    width of that piece of the line, its ends included. All placements count, not samples of them. Lines that touch end
    to end are one line, in whatever features a file holds them; where more than two meet, the straightest way goes on.
    How a window's class becomes a segment is told in :mod:`sxrisk.rules.engines.location_class_segments`.

    Parameters
    ----------
    pipelines : GeoDataFrame
        Lines in any known CRS. Columns used where present: `id` (else the index), `position_sigma_m` (m).
    buildings : GeoDataFrame
        Points or areas in any known CRS. Columns used where present: `kind` (building where there is none, settlement),
        `households` (a building without it counts for one at least, a settlement without it is left out), `storeys`,
        `building_use`, `position_sigma_m`. A settlement that lies in the strip with a part only has between none and
        all of its households there.
    network : {"transmission", "urban"}
        Long-distance lines count households in 2 km (rule LC-TRANS), urban ones buildings in 1.6 km (LC-URBAN).
    unit_length_m, half_width_m : float, optional
        Other lengths than the rule's, m.

    Returns
    -------
    GeoDataFrame
        Sorted by line and chainage, EPSG:4490: pipeline_id, location_class ("1-1", "1-2", "2", "3"), class_low (what
        the low numbers give), from_chainage_m, to_chainage_m, stake, low and high (greatest number in a window),
        class_3_possible (buildings of more than one storey, or of nobody knows how many, are beside it without a number
        of households, each counted as one), class_4_possible (high buildings prevail: traffic and what lies underground
        decide), geometry. Class 1-1 means that no dwelling is known; whether people are active there no layer tells.

    Raises
    ------
    CRSError
        If a frame's CRS is unknown.
    GeometryError
        If a row has no finite place in China, or no pipeline is a line.
    ParameterError
        If a length is not a finite number above 0, or the network has another name.

    References
    ----------
    GB 50251-2015, 4.2.2; GB 50028-2006, 6.4.3.

    Examples
    --------
    >>> import geopandas as gpd, shapely
    >>> line = shapely.LineString([[112.0, 37.0], [112.0, 37.045]])
    >>> pipes = gpd.GeoDataFrame({"id": ["GD-1"]}, geometry=[line], crs=4490)
    >>> places = gpd.points_from_xy([112, 112], [37.01, 37.02])
    >>> houses = gpd.GeoDataFrame({"households": [60, 60]}, geometry=places, crs=4490)
    >>> location_classes(pipes, houses)[["location_class", "stake", "high"]].values.tolist()
    [['1-1', 'K0+000.0-K0+909.8', 0.0], ['3', 'K0+909.8-K2+419.6', 120.0], ['1-1', 'K2+419.6-K4+994.0', 0.0]]
    """
    rule, settings = _rule_for(network, unit_length_m, half_width_m)
    lines, places = (_placed(frame, what) for frame, what in ((pipelines, "pipelines"), (buildings, "buildings")))
    left = feature_rows(lines, "pipeline")
    runs = PipelineRuns.of(left["geometry"].to_numpy(dtype=object))
    if not len(runs):
        raise GeometryError("no pipeline is a line", where="pipelines", expected="LineStrings or MultiLineStrings")
    places = places if "kind" in places.columns else places.assign(kind="building")
    table = FeatureTable.of({"buildings": places})
    dwellings = dwellings_of(table, Selection(np.arange(len(places), dtype=np.intp)), settings)
    sigma = left["sigma"].fillna(0.0).to_numpy(dtype=np.float64)
    pieces = runs.by_owner(classify_runs(runs, dwellings.rows, sigma, settings, rule.value))
    stakes = [stake_range(a, b) for a, b in zip(pieces["from_chainage_m"], pieces["to_chainage_m"], strict=True)]
    pieces = pieces.assign(pipeline_id=left["id"].to_numpy(dtype=object)[pieces["owner"]], stake=stakes)
    columns = ["pipeline_id", "location_class", "class_low", "from_chainage_m", "to_chainage_m", "stake", "low", "high"]
    columns += ["class_3_possible", "class_4_possible", "geometry"]
    return gpd.GeoDataFrame(pieces[columns], geometry="geometry", crs=GEOGRAPHIC_CRS)


def stake_range(from_m: float, to_m: float) -> str:
    """Both ends of a segment as they stand on stakes."""
    return f"{stake_text(from_m)}-{stake_text(to_m)}"


def place_parts(pieces: pd.DataFrame) -> list[str]:
    """What tells the segments of one line apart: the cell of a thousandth of a degree that a segment's middle lies in.

    A segment that comes or goes elsewhere on the line leaves it as it is; a middle that moved into the next cell is
    recognised by its place when two runs are compared.

    Parameters
    ----------
    pieces : DataFrame
        Columns owner and geometry (LineStrings in longitude and latitude, degrees).

    Returns
    -------
    list of str
        Distinct on each line.
    """
    middle = shapely.line_interpolate_point(pieces["geometry"].to_numpy(dtype=object), 0.5, normalized=True)
    # Adding zero turns a negative zero into zero.
    cells = np.round(shapely.get_coordinates(middle), 3) + 0.0
    names = pd.Series([f"{lon:.3f},{lat:.3f}" for lon, lat in cells], dtype=object)
    again = names.groupby([pieces["owner"].to_numpy(), names.to_numpy(dtype=object)]).cumcount()
    return [name if count == 0 else f"{name}:{count + 1}" for name, count in zip(names, again, strict=True)]


def _reasons() -> tuple[tuple[str, str], ...]:
    return (
        ("class_4_possible", "class_4_possible"),
        ("near_gathering_place", "near_gathering"),
        ("households_assumed", "assumed"),
        ("coarse_geometry", "coarse"),
        ("run_ends_at_junction", "junction"),
    )


def _details(piece: Mapping[Any, Any], settings: LocationClassSettings) -> dict[str, object]:
    begin, end = float(piece["from_chainage_m"]), float(piece["to_chainage_m"])
    shown: dict[str, object] = {
        "from_chainage_m": round(begin, 2),
        "to_chainage_m": round(end, 2),
        "stake": stake_range(begin, end),
        f"{settings.counts}_low": piece["low"],
    }
    if piece["class_3_possible"]:
        shown["buildings_without_households"] = int(piece["unnumbered"])
    else:
        shown[f"{settings.counts}_high"] = piece["high"]
    possible = "3" if piece["class_3_possible"] else str(piece["location_class"])
    factor = settings.design_factors.get(possible)
    return shown if factor is None else {**shown, "design_factor": factor}


def _placed(frame: gpd.GeoDataFrame, what: str) -> gpd.GeoDataFrame:
    refuse_rows(frame, without_finite_place(np.asarray(frame.geometry.array, dtype=object)), what)
    placed = to_geographic(frame)
    refuse_rows(placed, without_place_in_china(np.asarray(placed.geometry.array, dtype=object)), what)
    return placed


@cache
def _shipped() -> Catalogue:
    return load_catalogue()


def _rule_for(
    network: str, unit_length_m: float | None, half_width_m: float | None
) -> tuple[Rule, LocationClassSettings]:
    ids = {"transmission": "LC-TRANS", "urban": "LC-URBAN"}
    if network not in ids:
        raise ParameterError(f"there is no network {network!r}", where="network", expected=" or ".join(ids))
    rule = _shipped().rules[ids[network]]
    changes = {"unit_length_m": unit_length_m, "half_width_m": half_width_m}
    for name, value in changes.items():
        if value is not None and not 0 < value < np.inf:
            raise ParameterError(f"it is {value:g} m", where=name, expected="a finite number above 0")
    given = {name: float(value) for name, value in changes.items() if value is not None}
    settings = LocationClassSettings.model_validate({**rule.settings, **given})
    return replace(rule, settings=settings.model_dump()), settings
