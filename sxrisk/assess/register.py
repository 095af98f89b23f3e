"""The rectification register: who mends what until when, across runs, and what people confirmed."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import geopandas as gpd
import pandas as pd

from sxrisk.assess.compare import read_run_findings
from sxrisk.assess.matching import finding_places, match_findings, renamed_rules
from sxrisk.assess.register_merge import (
    Conflict,
    Seen,
    claim_rows,
    conflict_lines,
    merge_register,
    own_cells,
    parse_day,
    parse_state,
)
from sxrisk.assess.run_folder import MANIFEST
from sxrisk.findings import Status, Treatment
from sxrisk.products.register_book import RegisterBook, read_register_book, write_register_book
from sxrisk.products.text import Language, check_language, cited, finding_sentence, label, rule_title

__all__ = ["RegisterUpdate", "apply_register", "update_register"]

_ENDS = (
    "rule_id", "subject_kind", "subject_id", "subject_name", "object_kind", "object_id", "object_name",
)  # fmt: skip
_CONFIRMING = (Treatment.CONFIRMED, Treatment.IN_PROGRESS, Treatment.RECTIFIED)
_DONE = (Treatment.CLOSED, Treatment.NOT_A_HAZARD)
_LONGEST_NAME = 200


@dataclass(frozen=True)
class RegisterUpdate:
    """What an update of the register did.

    Attributes
    ----------
    path : Path
        The workbook.
    written : bool
        False where nothing had changed: the file was then not touched.
    rows : int
        Findings in the register.
    states : dict of str to int
        Rows by state.
    overdue : int
        Rows whose deadline is before `day` and that are not done.
    day : date
        That the run speaks for; of the update where the run does not tell.
    events : dict of str to int
        What happened: new, gone, back, reopened, edited, worse, better, renumbered, restored.
    conflicts : list of Conflict
        What a person has to decide; also on a sheet of the workbook.
    language : {"zh", "en"}
        Of the workbook.
    """

    path: Path
    written: bool
    rows: int
    states: dict[str, int]
    overdue: int
    day: date
    events: dict[str, int]
    conflicts: list[Conflict]
    language: Language

    def conflict_lines(self, language: str) -> list[str]:
        """Each conflict as one line of text."""
        return list(conflict_lines(self.conflicts, check_language(language)))


def update_register(
    run: str | Path,
    book: str | Path,
    *,
    language: str | None = None,
    catalogue: Any = None,
    on: date | None = None,
) -> RegisterUpdate:
    """Make a rectification register for a run, or bring one up to it.

    People's columns (state, unit, person, deadline, measures, confirmation, remark) are read back and never
    overwritten, with one exception: a closed finding that a new run finds again becomes *reopened*. What they changed
    elsewhere stays as well, and is listed as a conflict. The file is replaced in one step and the one before kept
    beside it.

    Parameters
    ----------
    run : str or Path
        Folder of a finished run, or its ``findings.gpkg``.
    book : str or Path
        The ``.xlsx``; made where it is not there.
    language : {"zh", "en"}
        Of a new register, default the project's; one that exists keeps its own.
    catalogue : Catalogue, optional
        Titles and clauses of rules, and which replaces which; default the one that sxrisk ships.
    on : date, optional
        Day of the update, for the history; default today. Deadlines are compared with the run's own day.

    Returns
    -------
    RegisterUpdate

    Raises
    ------
    FileFormatError
        If there is no run, or the workbook is no register.
    OutputError
        If the register is open in another program, was changed meanwhile, or cannot be written.
    """
    if catalogue is None:
        from sxrisk.rules import load_catalogue

        catalogue = load_catalogue()
    findings = read_run_findings(run)
    manifest = _manifest(Path(run))
    told = str(manifest.get("as_of", ""))
    register = read_register_book(book, language=language or _project_language(manifest))
    identity = _identity(register, findings, catalogue)
    merged = merge_register(
        register,
        _seen(findings, catalogue, register.language),
        identity,
        run_key=run_key(findings),
        as_of=told,
        on=on or date.today(),
    )
    written = merged.changed or not register.exists
    if written:
        write_register_book(register, merged.edits)
    memory = merged.edits.memory
    states = [parse_state(entry["own"]["state"]) for entry in memory.values()]
    day = parse_day(told) or on or date.today()
    return RegisterUpdate(
        register.path,
        written,
        len(memory),
        {state.value: states.count(state) for state in Treatment},
        sum(_is_overdue(entry, state, day) for entry, state in zip(memory.values(), states, strict=True)),
        day,
        merged.counts,
        merged.conflicts,
        register.language,
    )


def apply_register(
    findings: gpd.GeoDataFrame, book: str | Path, catalogue: Any
) -> tuple[gpd.GeoDataFrame, dict[str, Any]]:
    """Findings with their state in the register; what a person confirmed there gets the status *confirmed*.

    A confirmation counts with a name, in the states *confirmed*, *in progress* and *rectified*. Rows that contradict
    each other, or whose state is not understood, count for nothing.

    Parameters
    ----------
    findings : GeoDataFrame
        Findings schema.
    book : str or Path
        The register; only read.
    catalogue : Catalogue

    Returns
    -------
    findings : GeoDataFrame
        ``treatment`` and ``status`` filled in.
    summary : dict
        Rows, findings by state, how many are confirmed, and how many rows count for nothing.

    Raises
    ------
    FileFormatError
        If the workbook is no register.
    """
    register = read_register_book(book)
    claims = claim_rows(register)
    identity = {now: known for known, now in _identity(register, findings, catalogue).items()}
    key = run_key(findings)
    states, confirmed, unclear = [], [], 0
    for finding_id in findings["finding_id"]:
        known = identity.get(finding_id, finding_id)
        row = claims.rows.get(known)
        own = own_cells(row) if row is not None else register.memory.get(known, {}).get("own")
        state = None if own is None or known in claims.disputed else parse_state(own["state"])
        unclear += own is not None and state is None
        if state is Treatment.CLOSED and register.memory.get(known, {}).get("run") != key:
            state = Treatment.REOPENED
        states.append("" if state is None else state.value)
        confirmed.append(state in _CONFIRMING and bool(str((own or {}).get("confirmed_by") or "").strip()))
    status = findings["status"].mask(pd.Series(confirmed, index=findings.index, dtype=bool), Status.CONFIRMED.value)
    summary = {
        "rows": len(register.rows),
        "states": {state.value: states.count(state.value) for state in Treatment},
        "confirmed": sum(confirmed),
        "unclear": int(unclear),
    }
    return findings.assign(treatment=pd.Series(states, index=findings.index, dtype="str"), status=status), summary


def run_key(findings: pd.DataFrame) -> str:
    """The same for two runs that found the same: their findings and values, not what was made of them since."""
    rows = sorted(
        f"{name}\x1f{value:.4f}\x1f{limit:.4f}"
        for name, value, limit in zip(findings["finding_id"], findings["measured"], findings["required"], strict=True)
    )
    return hashlib.sha256("\n".join(rows).encode()).hexdigest()[:16]


def _identity(register: RegisterBook, findings: gpd.GeoDataFrame, catalogue: Any) -> dict[str, str]:
    """The register's id to the run's, of findings that are one and the same."""
    known = [(key, entry["ends"]) for key, entry in register.memory.items() if set(_ENDS) <= entry["ends"].keys()]
    if not known:
        return {}
    before = pd.DataFrame([ends for _, ends in known]).assign(finding_id=[key for key, _ in known])
    pairs = match_findings(before, findings, renamed=renamed_rules(catalogue))
    now = findings["finding_id"].to_numpy(dtype=object)
    return {known[b][0]: str(now[n]) for b, n in zip(pairs["before"], pairs["now"], strict=True)}


def _seen(findings: gpd.GeoDataFrame, catalogue: Any, language: Language) -> dict[str, Seen]:
    rows = findings.drop(columns="geometry").to_dict("records")
    places = finding_places(findings).round(6).tolist()
    return {
        row["finding_id"]: Seen(row["finding_id"], _facts(row, place, catalogue, language), _ends(row, place))
        for row, place in zip(rows, places, strict=True)
    }


def _facts(row: Mapping[str, Any], place: list[float], catalogue: Any, language: Language) -> dict[str, Any]:
    rule = catalogue.rules.get(row["rule_id"])
    facts = {name: row[name] for name in ("subject_name", "object_name", "result", "county")}
    facts |= {name: round(row[name], 4) for name in ("measured", "required", "deficit", "uncertainty")}
    facts |= {name: label(name, row[name], language) if row[name] else "" for name in ("change", "status", "unit")}
    facts |= {f"{end}_kind": label("kind", row[f"{end}_kind"], language) for end in ("subject", "object")}
    facts["hazard_grade"] = label("hazard_grade", row["hazard_grade"], language)
    facts["colour"] = label("colour_short", row["colour"], language)
    facts["rule"] = rule_title(rule, row["rule_id"], language)
    facts["cited"] = cited(rule, row, language)
    facts["sentence"] = finding_sentence(row, language)
    facts["longitude"], facts["latitude"] = place
    return facts


def _ends(row: Mapping[str, Any], place: list[float]) -> dict[str, Any]:
    ends: dict[str, Any] = {name: str(row[name])[:_LONGEST_NAME] for name in _ENDS}
    # JSON knows no NaN.
    longitude, latitude = (value if value == value else None for value in place)
    return {**ends, "longitude": longitude, "latitude": latitude}


def _manifest(run: Path) -> dict[str, Any]:
    folder = run if run.is_dir() else run.parent
    try:
        manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        # Findings that stand alone have neither a day nor a language of their own.
        return {}
    return manifest if isinstance(manifest, dict) else {}


def _project_language(manifest: Mapping[str, Any]) -> Language:
    try:
        return "en" if manifest["parameters"]["project"]["language"] == "en" else "zh"
    except (KeyError, TypeError):
        return "zh"


def _is_overdue(entry: Mapping[str, Any], state: Treatment | None, on: date) -> bool:
    deadline = parse_day(entry["own"].get("deadline") or "")
    return state not in _DONE and deadline is not None and deadline < on
