"""Two files and a distance, or a criterion: the violations, without a project."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import geopandas as gpd
import pandas as pd

from sxrisk.assess.identity import distinct_ids
from sxrisk.errors import FileFormatError, ParameterError
from sxrisk.findings import measurements_frame

__all__ = ["LayerFile", "Violations", "describe_layer", "find_violations"]


@dataclass(frozen=True)
class LayerFile:
    """A layer file and how to read it.

    Attributes
    ----------
    path : Path
    kind : str
        Kind of layer; guessed from the file's name where empty, or taken from the criterion.
    crs : str
        What the coordinates are in, where the file does not say.
    sigma_m : float, optional
        1 sigma of the positions in metres.
    layer : str
        Layer or sheet of the file.
    """

    path: Path
    kind: str = ""
    crs: str = ""
    sigma_m: float | None = None
    layer: str = ""


@dataclass(frozen=True)
class Violations:
    """What two layers gave.

    Attributes
    ----------
    findings : GeoDataFrame
        Findings schema.
    not_applied : DataFrame
        What could not be checked: ``rule_id, subject_kind, subject_id, reason, count``.
    rejects : DataFrame
        Rows that could not be used, with ``layer`` (subjects or objects).
    layers : DataFrame
        ``layer, kind, rows, used, rejected, crs_source`` of the two.
    notices : DataFrame
        ``layer, rows, what, detail``: what was guessed, repaired or not understood.
    catalogue : Catalogue
        What was judged by.
    """

    findings: gpd.GeoDataFrame
    not_applied: pd.DataFrame
    rejects: pd.DataFrame
    layers: pd.DataFrame
    notices: pd.DataFrame
    catalogue: Any


def find_violations(
    subjects: LayerFile,
    objects: LayerFile | None = None,
    *,
    distance_m: float | None = None,
    rule: str | None = None,
    as_of: date | None = None,
    rule_files: Sequence[Path] = (),
    values: Mapping[str, float] | None = None,
) -> Violations:
    """Check the features of one file against those of another.

    Parameters
    ----------
    subjects, objects : LayerFile
        What may break the limit, and what is protected. The same file may be given twice. A criterion that is about
        one thing alone needs no objects.
    distance_m : float, optional
        Distance that the user asks for; findings are then no more than *suspected*.
    rule : str, optional
        Id of a criterion instead of a distance; it says how its subjects and objects are chosen and judged.
    as_of : date, optional
        Day of the assessment; default today.
    rule_files : sequence of Path
        More criteria.
    values : mapping of str to float, optional
        What the criterion asks of the user.

    Returns
    -------
    Violations

    Raises
    ------
    ParameterError
        If neither or both of `distance_m` and `rule` are given, the rule does not exist or needs objects, or a kind is
        unknown or cannot be told.
    InputError
        If a file cannot be used.
    """
    from sxrisk.rules import apply_rules, check_distances, load_catalogue
    from sxrisk.rules.apply import NOT_APPLIED_COLUMNS

    if (distance_m is None) == (rule is None):
        raise ParameterError(
            "give a distance or a criterion", where="--distance, --rule", expected="exactly one of them"
        )
    catalogue = load_catalogue(rule_files, values={rule: values} if rule and values else {})
    judged = None if rule is None else _rule_called(catalogue, rule)
    if objects is None and (judged is None or judged.objects):
        raise ParameterError("the objects are missing", where="OBJECTS", expected="a file of what is protected")
    sources = {"subjects": subjects} if objects is None else {"subjects": subjects, "objects": objects}
    allowed = {"subjects": judged.subject_kinds, "objects": judged.object_kinds} if judged is not None else {}
    loaded = {name: _load(name, source, allowed.get(name, ())) for name, source in sources.items()}
    frames = {name: layer.frame for name, layer in loaded.items()}
    if subjects == objects and loaded["subjects"].report.kind == loaded["objects"].report.kind:
        # One layer against itself: every pair once, nothing against itself.
        del frames["objects"]
    frames = distinct_ids(frames)
    if judged is None:
        left = frames["subjects"]
        findings = check_distances(left, frames.get("objects", left), distance_m if distance_m is not None else 0.0)
        not_applied = pd.DataFrame(columns=list(NOT_APPLIED_COLUMNS))
    else:
        outcome = apply_rules(catalogue, frames, measurements_frame(), as_of=as_of or date.today(), only={judged.id})
        findings, not_applied = outcome.findings, outcome.not_applied
    layers, notices = _reports(loaded)
    rejects = pd.concat([layer.rejects.assign(layer=name) for name, layer in loaded.items()], ignore_index=True)
    return Violations(findings, not_applied, rejects, layers, notices, catalogue)


def describe_layer(source: LayerFile) -> dict[str, pd.DataFrame]:
    """How one file is understood.

    Parameters
    ----------
    source : LayerFile

    Returns
    -------
    dict of str to DataFrame
        ``layers`` (rows used and rejected, coordinate system), ``columns`` (which header became which attribute, and
        how many features have it), ``notices`` and ``rejected`` (reason, first row, count).

    Raises
    ------
    ParameterError
        If the kind is unknown or cannot be told.
    InputError
        If the file cannot be used.
    """
    loaded = _load("layer", source, ())
    layers, notices = _reports({source.path.name: loaded})
    frame = loaded.frame
    columns = [
        (name, header, int((frame[name].notna() & (frame[name].astype("str") != "")).sum()))
        for name, header in loaded.report.columns.items()
        if name in frame.columns
    ]
    rejected = [
        (reason, len(rows), int(rows["source_row"].iloc[0]), str(rows["detail"].iloc[0]))
        for reason, rows in loaded.rejects.groupby("reason", sort=False)
    ]
    return {
        "layers": layers,
        "columns": pd.DataFrame(columns, columns=["attribute", "header", "filled"]),
        "notices": notices,
        "rejected": pd.DataFrame(rejected, columns=["reason", "rows", "first_row", "detail"]),
    }


def _rule_called(catalogue: Any, rule: str) -> Any:
    if rule not in catalogue.rules:
        close = get_close_matches(rule, catalogue.rules, n=3, cutoff=0.5)
        raise ParameterError(
            f"there is no rule {rule!r}",
            where="--rule",
            remedy=f"Did you mean {' or '.join(close)}?" if close else "See sxrisk rules list",
        )
    return catalogue.rules[rule]


def _load(name: str, source: LayerFile, allowed: Sequence[str]) -> Any:
    from sxrisk.layers import load_layer

    loaded = load_layer(
        source.path,
        kind=_kind_of(name, source, allowed),
        name=name,
        crs=source.crs or None,
        position_sigma_m=source.sigma_m,
        layer=source.layer or None,
    )
    loaded.report.check_rows()
    return loaded


def _kind_of(name: str, source: LayerFile, allowed: Sequence[str]) -> str:
    """The kind that was given, else the only one that the rule allows, else the one that the file is named after."""
    from sxrisk.layers import KINDS, kinds_called

    option = "--kind" if name == "layer" else f"--{name.removesuffix('s')}-kind"
    if source.kind:
        if source.kind not in KINDS:
            close = kinds_called(source.kind) or get_close_matches(source.kind, KINDS, n=1)
            hint = f"Did you mean {' or '.join(close)}?" if close else f"Known kinds: {', '.join(sorted(KINDS))}"
            raise ParameterError(f"there is no kind {source.kind!r}", where=option, remedy=hint)
        if allowed and source.kind not in allowed:
            raise ParameterError(
                f"the criterion is not about {source.kind}", where=option, expected=f"one of {', '.join(allowed)}"
            )
        return source.kind
    if len(allowed) == 1:
        return allowed[0]
    if not source.path.exists():
        raise FileFormatError("the file does not exist", where=source.path, remedy="Check the path")
    meant = dict.fromkeys(kind for word in _words_of(source.path.stem) for kind in kinds_called(word))
    called = [kind for kind in meant if not allowed or kind in allowed]
    if len(called) == 1:
        return called[0]
    raise ParameterError(
        f"the kind of {source.path.name} cannot be told",
        where=option,
        expected=f"one of {', '.join(called or allowed or sorted(KINDS))}",
        remedy="Say what the file holds",
    )


def _words_of(stem: str) -> list[str]:
    """Words of a file's name that may tell what it holds: all of it, its parts, and these in the singular."""
    parts = [stem, *re.split(r"[\W\d_]+", stem)]
    return [form for word in parts for form in (word, re.sub(r"ies$", "y", word)) if word]


def _reports(loaded: Mapping[str, Any]) -> tuple[pd.DataFrame, pd.DataFrame]:
    layers = [
        (
            name, one.report.kind, one.report.rows_read, len(one.frame), len(one.rejects),
            ", ".join(sorted(one.frame["crs_source"].unique())),
        )
        for name, one in loaded.items()
    ]  # fmt: skip
    notices = [
        (name, issue.count, issue.code, issue.detail) for name, one in loaded.items() for issue in one.report.issues
    ]
    return (
        pd.DataFrame(layers, columns=["layer", "kind", "rows", "used", "rejected", "crs_source"]),
        pd.DataFrame(notices, columns=["layer", "rows", "what", "detail"]),
    )
