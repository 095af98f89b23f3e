"""What an update of the register changes: edits are read back, nothing a person wrote is overwritten."""

import math
import re
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from sxrisk.findings import Treatment
from sxrisk.products.register_book import BookRow, RegisterBook, RegisterEdits
from sxrisk.products.register_sheets import FACT_COLUMNS, OWN_COLUMNS
from sxrisk.products.text import Language, check_language, label
from sxrisk.products.workbook import plain_cell

__all__ = ["Claims", "Conflict", "RegisterMerge", "Seen", "claim_rows", "merge_register", "parse_day", "parse_state"]

_SPACES = re.compile(r"[\s_-]+")
_DAY = re.compile(r"(\d{4})\s*[-./年]\s*(\d{1,2})\s*[-./月]\s*(\d{1,2})\s*日?")
# What tells whose row it is when its id was changed.
_WHO = ("rule", "subject_name", "object_name")
_DATES = ("deadline", "confirmed_on")
_FINDING_ID = re.compile(r"F-[0-9a-f]{12}")
# A cell of a workbook holds 32 767 characters, and all that is remembered of a row stands in one.
_LONGEST_FACT, _LONGEST_OWN = 500, 2000


@dataclass(frozen=True)
class Conflict:
    """Something in the register that a person has to decide."""

    finding_id: str
    line: int | None
    cell: str
    code: str
    in_book: Any = ""
    in_run: Any = ""


@dataclass(frozen=True)
class Seen:
    """What a run says of one finding.

    Attributes
    ----------
    finding_id : str
    facts : mapping
        Values of the program's columns.
    ends : mapping
        What a later match by name and place needs, as plain values.
    """

    finding_id: str
    facts: Mapping[str, Any]
    ends: Mapping[str, Any]


@dataclass
class Claims:
    """Which row stands for which known finding, and what is wrong with the others."""

    rows: dict[str, BookRow] = field(default_factory=dict)
    again: dict[str, list[BookRow]] = field(default_factory=dict)
    disputed: set[str] = field(default_factory=set)
    restored: list[str] = field(default_factory=list)
    renamed: dict[int, str] = field(default_factory=dict)
    conflicts: list[Conflict] = field(default_factory=list)


@dataclass(frozen=True)
class RegisterMerge:
    """Edits to write, and what to tell.

    Attributes
    ----------
    edits : RegisterEdits
    conflicts : list of Conflict
    counts : dict of str to int
        Rows by event: new, gone, back, reopened, edited, ...
    changed : bool
        Whether anything differs from the file.
    """

    edits: RegisterEdits
    conflicts: list[Conflict]
    counts: dict[str, int]
    changed: bool


def parse_state(text: Any) -> Treatment | None:
    """State in Chinese or English, as code or label; None where it is not understood.

    Examples
    --------
    >>> parse_state("整改中").value, parse_state(" In Progress ").value, parse_state("done?"), parse_state("").value
    ('in_progress', 'in_progress', None, 'open')
    """
    wanted = _word(text)
    if not wanted:
        return Treatment.OPEN
    for state in Treatment:
        words = (state.value, *(label("treatment", state.value, check_language(code)) for code in ("zh", "en")))
        if wanted in {_word(word) for word in words}:
            return state
    return None


def parse_day(value: Any) -> date | None:
    """A day as a spreadsheet or a person writes it; None where it is not understood.

    Examples
    --------
    >>> parse_day("2026年7月1日"), parse_day("2026/7/1") == parse_day("2026-07-01"), parse_day("soon")
    (datetime.date(2026, 7, 1), True, None)
    """
    if isinstance(value, datetime):
        return value.date()
    if isinstance(value, date):
        return value
    match = _DAY.fullmatch(unicodedata.normalize("NFKC", str(value)).strip())
    try:
        return date(*(int(part) for part in match.groups())) if match else None
    except ValueError:
        return None


def _word(text: Any) -> str:
    return _SPACES.sub(" ", unicodedata.normalize("NFKC", str(text or "")).casefold()).strip().strip("。.；;")


def claim_rows(book: RegisterBook) -> Claims:
    """Find the row of every known finding, and what people did to rows and ids."""
    claims = Claims()
    if book.exists and book.rows and not book.memory:
        claims.conflicts.append(Conflict("", None, "", "memory_missing"))
    for name in book.missing:
        claims.conflicts.append(Conflict("", None, name, "column_missing"))
    lost = dict.fromkeys(book.memory)
    strangers = []
    for row in book.rows:
        if row.finding_id in claims.rows:
            claims.again.setdefault(row.finding_id, []).append(row)
        elif row.finding_id in lost or (not book.memory and _FINDING_ID.fullmatch(row.finding_id)):
            claims.rows[row.finding_id] = row
        else:
            strangers.append(row)
    missing = [key for key in lost if key not in claims.rows]
    for row in strangers:
        key = _whose(row, missing, book.memory)
        if key is None:
            claims.conflicts.append(Conflict(row.finding_id, row.line, "finding_id", "unknown_id", row.finding_id))
            continue
        missing.remove(key)
        claims.rows[key], claims.renamed[row.line] = row, key
        claims.conflicts.append(Conflict(key, row.line, "finding_id", "id_changed", row.finding_id, key))
    for key in missing:
        claims.restored.append(key)
        claims.conflicts.append(Conflict(key, None, "", "row_deleted"))
    for key, rows in claims.again.items():
        first = own_cells(claims.rows[key])
        if any(not _same(own_cells(row)[name], first[name]) for row in rows for name in OWN_COLUMNS):
            claims.disputed.add(key)
        lines = ", ".join(str(row.line) for row in (claims.rows[key], *rows))
        claims.conflicts.append(Conflict(key, rows[0].line, "finding_id", "duplicate_row", lines))
    return claims


def _whose(row: BookRow, missing: list[str], memory: Mapping[str, Any]) -> str | None:
    fits = [key for key in missing if all(_same(row.cells.get(name), memory[key]["facts"].get(name)) for name in _WHO)]
    return fits[0] if len(fits) == 1 else None


def own_cells(row: BookRow) -> dict[str, Any]:
    """What people wrote in one row, dates as ISO text."""
    return {name: _plain(row.cells.get(name)) for name in OWN_COLUMNS}


def merge_register(
    book: RegisterBook,
    seen: Mapping[str, Seen],
    identity: Mapping[str, str],
    *,
    run_key: str,
    as_of: str,
    on: date,
) -> RegisterMerge:
    """Bring a register up to a run.

    Parameters
    ----------
    book : RegisterBook
    seen : mapping of str to Seen
        The run's findings by id.
    identity : mapping of str to str
        The register's id to the run's, of findings that are one and the same.
    run_key : str
        The same for two runs that found the same.
    as_of : str
        Day of the run, ISO.
    on : date
        Day of the update.
    """
    work = _Merge(book, seen, identity, claim_rows(book), run_key, as_of, on)
    for key in [*work.claims.rows, *work.claims.restored]:
        work.bring_up(key)
    for key in seen:
        if key not in work.memory:
            work.add_new(key)
    return work.result()


@dataclass
class _Merge:
    book: RegisterBook
    seen: Mapping[str, Seen]
    identity: Mapping[str, str]
    claims: Claims
    run_key: str
    as_of: str
    on: date
    cells: dict[tuple[int, str], Any] = field(default_factory=dict)
    rows: list[dict[str, Any]] = field(default_factory=list)
    memory: dict[str, Any] = field(default_factory=dict)
    events: list[tuple[Any, ...]] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=dict)

    @property
    def language(self) -> Language:
        return self.book.language

    def bring_up(self, key: str) -> None:
        """One known finding: read back what people wrote, bring its facts up to the run."""
        old = self.book.memory.get(key, {"facts": {}, "own": {}, "ends": {}, "run": ""})
        row = self.claims.rows.get(key)
        own = dict(old["own"]) if row is None else own_cells(row)
        # An id that another finding was matched to is no longer this one's, even where the letters are the same.
        followed = self.identity.get(key, "" if key in self.identity.values() else key)
        now = self.seen.get(followed)
        new_key = key if now is None else now.finding_id
        if row is None:
            self._tell(new_key, "restored")
        self._read_back(new_key, old, own, row)
        facts = self._facts(old, now, row)
        if new_key != key:
            self._tell(new_key, "renumbered", "finding_id", key, new_key)
        self._tell_of_change(new_key, old, now, own, row)
        if now is not None and parse_state(own["state"]) is Treatment.CLOSED and old.get("run") != self.run_key:
            own["state"] = label("treatment", Treatment.REOPENED.value, self.language)
            self._tell(
                new_key, "reopened", "state", label("treatment", Treatment.CLOSED.value, self.language), own["state"]
            )
            for other in () if row is None else (row, *self.claims.again.get(key, [])):
                self.cells[other.line, "state"] = own["state"]
        if row is None:
            self.rows.append({"finding_id": new_key, **facts, **own})
        else:
            for other in (row, *self.claims.again.get(key, [])):
                self._write_facts(new_key, other, old["facts"], facts)
                if other.finding_id != new_key:
                    self.cells[other.line, "finding_id"] = new_key
        ends, run = (old["ends"], old.get("run", "")) if now is None else (now.ends, self.run_key)
        self.memory[new_key] = {"facts": facts, "own": _remembered(own), "ends": ends, "run": run}

    def add_new(self, key: str) -> None:
        """A finding that the register has never had."""
        found = self.seen[key]
        facts = _plain_facts({**found.facts, "first_seen": self.as_of, "last_seen": self.as_of, "present": self._yes()})
        own = dict.fromkeys(OWN_COLUMNS, "") | {"state": label("treatment", Treatment.OPEN.value, self.language)}
        self.rows.append({"finding_id": key, **facts, **own})
        self.memory[key] = {"facts": facts, "own": own, "ends": found.ends, "run": self.run_key}
        self._tell(key, "new")

    def result(self) -> RegisterMerge:
        """All of it, in the book's words."""
        conflicts = self.claims.conflicts
        shown = [
            (
                item.finding_id, item.line, self._column(item.cell), self._word("register_conflict", item.code),
                item.in_book, item.in_run, self._word("register_remedy", item.code),
            )
            for item in conflicts
        ]  # fmt: skip
        # A second update with the same run changes nothing, and then leaves the file alone.
        told = tuple(tuple(_text(value) for value in row) for row in shown)
        changed = bool(self.cells or self.rows or self.events) or told != self.book.conflicts
        changed |= dict(self.book.memory) != self.memory
        edits = RegisterEdits(self.cells, self.rows, self.memory, shown, self.events)
        return RegisterMerge(edits, conflicts, self.counts, changed)

    def _facts(self, old: Mapping[str, Any], now: Seen | None, row: BookRow | None) -> dict[str, Any]:
        if now is None:
            stands = old["facts"] or ({} if row is None else row.cells)
            last = {name: stands.get(name) for name in FACT_COLUMNS}
            gone = {"present": label("answer", "no", self.language), "change": self._word("change", "gone")}
            return {**last, **gone}
        first = old["facts"].get("first_seen") or self.as_of
        return _plain_facts({**now.facts, "first_seen": first, "last_seen": self.as_of, "present": self._yes()})

    def _read_back(self, key: str, old: Mapping[str, Any], own: dict[str, Any], row: BookRow | None) -> None:
        line = None if row is None else row.line
        for name in OWN_COLUMNS:
            if name in self.book.missing and name in old["own"]:
                # The column is gone, not what stood in it.
                own[name] = old["own"][name]
            elif old["own"] and not _same(_remembered(own)[name], old["own"].get(name)):
                self._tell(key, "edited", name, old["own"].get(name), own[name])
        if parse_state(own["state"]) is None:
            self._ask(key, line, "state", "unknown_state", own["state"])
        for name in _DATES:
            if own[name] not in (None, "") and parse_day(own[name]) is None:
                self._ask(key, line, name, "date_unreadable", own[name])
        if parse_state(own["state"]) is Treatment.CONFIRMED and not str(own["confirmed_by"] or "").strip():
            self._ask(key, line, "confirmed_by", "confirmation_without_name")

    def _tell_of_change(
        self, key: str, old: Mapping[str, Any], now: Seen | None, own: Mapping[str, Any], row: BookRow | None
    ) -> None:
        was = _same(old["facts"].get("present"), self._yes())
        if now is None:
            if was:
                self._tell(key, "gone")
            return
        if old["facts"] and not was:
            self._tell(key, "back")
        if old.get("run") == self.run_key:
            return
        for word in ("worse", "better"):
            if now.facts["change"] == self._word("change", word):
                self._tell(key, word, "deficit", old["facts"].get("deficit"), now.facts["deficit"])
                if word == "worse" and parse_state(own["state"]) is Treatment.NOT_A_HAZARD:
                    self._ask(key, None if row is None else row.line, "state", "verdict_outdated", own["state"])

    def _write_facts(self, key: str, row: BookRow, before: Mapping[str, Any], facts: Mapping[str, Any]) -> None:
        for name in FACT_COLUMNS:
            stands, new = row.cells.get(name), facts[name]
            if name in self.book.missing or _same(stands, new):
                continue
            if stands in (None, "") or name not in before or _same(stands, before[name]):
                self.cells[row.line, name] = new
            else:
                self._ask(key, row.line, name, "fact_edited", stands, new)

    def _ask(self, key: str, line: int | None, cell: str, code: str, in_book: Any = "", in_run: Any = "") -> None:
        self.claims.conflicts.append(Conflict(key, line, cell, code, in_book, in_run))

    def _tell(self, key: str, event: str, cell: str = "", before: Any = "", after: Any = "") -> None:
        self.counts[event] = self.counts.get(event, 0) + 1
        row = (self.on.isoformat(), self.as_of, key, self._word("register_event", event), self._column(cell))
        self.events.append((*row, before, after))

    def _yes(self) -> str:
        return label("answer", "yes", self.language)

    def _column(self, name: str) -> str:
        return label("column", name, self.language) if name else ""

    def _word(self, group: str, key: str) -> str:
        return label(group, key, self.language)


def _plain_facts(facts: Mapping[str, Any]) -> dict[str, Any]:
    """Facts as they will stand in the cells, so that a later comparison finds them equal."""
    plain = {name: plain_cell(facts.get(name)) for name in FACT_COLUMNS}
    return {name: value[:_LONGEST_FACT] if isinstance(value, str) else value for name, value in plain.items()}


def _remembered(own: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value[:_LONGEST_OWN] if isinstance(value, str) else value for name, value in own.items()}


def _plain(value: Any) -> Any:
    if isinstance(value, date | datetime):
        day = parse_day(value)
        return day.isoformat() if day is not None else str(value)
    return value if isinstance(value, int | float | str) and not isinstance(value, bool) else _text(value)


def _text(value: Any) -> str:
    return "" if value is None else str(value)


def _same(one: Any, other: Any) -> bool:
    if isinstance(one, int | float) and isinstance(other, int | float):
        return math.isclose(one, other, rel_tol=1e-9, abs_tol=1e-9)
    return _text(_plain(one)).strip() == _text(_plain(other)).strip()


def conflict_lines(conflicts: list[Conflict], language: Language) -> Iterator[str]:
    """Each conflict as one line of text."""
    for item in conflicts:
        where = [item.finding_id, *([f"{label('column', 'line', language)} {item.line}"] if item.line else [])]
        where += [label("column", item.cell, language)] if item.cell else []
        shown = [str(value)[:60] for value in (item.in_book, item.in_run) if str(value)]
        text = f"{', '.join(filter(None, where))}: {label('register_conflict', item.code, language)}"
        text += f" ({' / '.join(shown)})" if shown else ""
        yield f"{text}. {label('register_remedy', item.code, language)}."
