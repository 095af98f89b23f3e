"""One criterion of a law, standard or plan, as the catalogue holds it."""

from collections.abc import Collection, Mapping
from dataclasses import replace
from datetime import date
from typing import Annotated, Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pydantic import ConfigDict, Field, ValidationError, model_validator
from pydantic.dataclasses import dataclass

from sxrisk.findings import Colour, Effect, Evidence, HazardGrade
from sxrisk.rules.engines.settings import SETTINGS

__all__ = ["Ask", "Condition", "Engine", "Rule", "Selector"]

Engine = Literal[
    "airblast",
    "blast_vibration",
    "crossing",
    "distance",
    "graded",
    "hazard_installation",
    "high_consequence",
    "individual_risk",
    "influence",
    "location_class",
    "measured",
    "multiple",
    "pair",
    "tailings_class",
]
# What engines that measure distances themselves compare, in metres.
_MEASURES = {
    "distance": ("distance",), "multiple": ("distance",), "crossing": ("crossing",),
    "influence": ("influence_zone", "collapse_zone"),
}  # fmt: skip
Op = Literal["<=", "<", ">=", ">"]
# Engines that can judge a thing by itself.
_ALONE = ("graded", "measured", "hazard_installation", "tailings_class")
Text = Annotated[str, Field(min_length=1)]
Mask = NDArray[np.bool_]

_STRICT = ConfigDict(extra="forbid", allow_inf_nan=False)
_SIGNS = {"above": ">", "below": "<", "at_least": ">=", "at_most": "<="}
_COMPARE = {">": np.greater, "<": np.less, ">=": np.greater_equal, "<=": np.less_equal}
_COMPARISONS = ("any_of", "none_of", "equals", "since", *_SIGNS)


@dataclass(frozen=True, kw_only=True, config=_STRICT)
class Condition:
    """What an attribute must say for a feature to come under a rule; exactly one comparison.

    Parameters
    ----------
    column : str
        Canonical attribute.
    any_of, none_of : tuple of str, optional
        Values it must, or must not, be one of.
    equals : bool, optional
        Truth it must have.
    above, below, at_least, at_most : float, optional
        Limit in the attribute's unit; two conditions on one column make a range.
    since : date, optional
        Day on which a date must lie, or after it.
    sure_since : date, optional
        Where the day that the rule came into force was not read, only its year: the first day that is surely under it.
        What is dated between the two may be older than the rule.
    missing : {"report", "keep", "skip"}
        What becomes of a feature that lacks the attribute: not checked and reported, checked, or left out.
    """

    column: Text
    any_of: tuple[str, ...] | None = None
    none_of: tuple[str, ...] | None = None
    equals: bool | None = None
    above: float | None = None
    below: float | None = None
    at_least: float | None = None
    at_most: float | None = None
    since: date | None = None
    sure_since: date | None = None
    missing: Literal["report", "keep", "skip"] = "report"

    @model_validator(mode="after")
    def _one_comparison(self) -> "Condition":
        given = [name for name in _COMPARISONS if getattr(self, name) is not None]
        if len(given) != 1:
            raise ValueError(f"give exactly one of {', '.join(_COMPARISONS)}; got {', '.join(given) or 'none'}")
        if self.sure_since is not None and (self.since is None or self.sure_since <= self.since):
            raise ValueError("sure_since is a day after since")
        return self

    def __str__(self) -> str:
        if self.any_of is not None:
            return f"{self.column} in ({', '.join(self.any_of)})"
        if self.none_of is not None:
            return f"{self.column} not in ({', '.join(self.none_of)})"
        if self.equals is not None:
            return f"{self.column} is {str(self.equals).lower()}"
        if self.since is not None:
            return f"{self.column} >= {self.since.isoformat()}"
        sign, limit = self._limit()
        return f"{self.column} {sign} {limit:g}"

    def masks(self, frame: pd.DataFrame) -> tuple[Mask, Mask]:
        """Which rows meet the condition, and which cannot tell because the attribute is missing.

        Parameters
        ----------
        frame : DataFrame of n rows

        Returns
        -------
        met, unknown : ndarray of bool, shape (n,)
        """
        if self.column not in frame.columns:
            unknown = np.ones(len(frame), dtype=bool)
            return np.zeros(len(frame), dtype=bool), unknown
        values = frame[self.column]
        unknown = (values.isna() | (values.astype("str") == "")).to_numpy(dtype=bool)
        met = np.zeros(len(frame), dtype=bool)
        known = values[~unknown]
        if self.any_of is not None or self.none_of is not None:
            listed = self._listed(known)
            met[~unknown] = listed if self.any_of is not None else ~listed
        elif self.equals is not None:
            met[~unknown] = known.astype("bool") == self.equals
        elif self.since is not None:
            met[~unknown] = pd.to_datetime(known, errors="coerce") >= pd.Timestamp(self.since)
        else:
            sign, limit = self._limit()
            numbers = pd.to_numeric(known, errors="coerce").to_numpy(dtype=np.float64, na_value=np.nan)
            met[~unknown] = _COMPARE[sign](numbers, limit)
        return met, unknown

    def doubtful(self, frame: pd.DataFrame) -> Mask:
        """Which rows have a date on which the rule may not have been in force yet.

        Parameters
        ----------
        frame : DataFrame of n rows

        Returns
        -------
        ndarray of bool, shape (n,)
        """
        if self.sure_since is None or self.since is None or self.column not in frame.columns:
            return np.zeros(len(frame), dtype=bool)
        days = pd.to_datetime(frame[self.column], errors="coerce")
        between = (days >= pd.Timestamp(self.since)) & (days < pd.Timestamp(self.sure_since))
        return np.asarray(between, dtype=bool)

    def strange(self, frame: pd.DataFrame, words: Collection[str]) -> Mask:
        """Which rows have a word that neither the vocabulary nor the condition has: it may mean anything.

        Parameters
        ----------
        frame : DataFrame of n rows
        words : collection of str
            The vocabulary.

        Returns
        -------
        ndarray of bool, shape (n,)
        """
        if self.column not in frame.columns or (self.any_of is None and self.none_of is None):
            return np.zeros(len(frame), dtype=bool)
        values = frame[self.column]
        text = values.where(values.notna(), "").astype("str")
        known = text.isin([*words, *(self.any_of or self.none_of or ()), ""])
        return np.asarray(~known, dtype=bool)

    def _listed(self, known: pd.Series) -> "pd.Series[bool]":
        """Which values are among the words; ranks are numbers and compared as such, not by how they are written."""
        words = self.any_of or self.none_of or ()
        if pd.api.types.is_numeric_dtype(known.dtype) and not pd.api.types.is_bool_dtype(known.dtype):
            return known.isin(pd.to_numeric(pd.Series(words, dtype="str"), errors="coerce").dropna())
        return known.astype("str").isin(words)

    def _limit(self) -> tuple[str, float]:
        return next((sign, limit) for name, sign in _SIGNS.items() if (limit := getattr(self, name)) is not None)


@dataclass(frozen=True, kw_only=True, config=_STRICT)
class Selector:
    """Features of some kinds that meet all of some conditions.

    Parameters
    ----------
    kinds : tuple of str
        Kinds of layers.
    where : tuple of Condition
        All must be met.
    """

    kinds: Annotated[tuple[Text, ...], Field(min_length=1)]
    where: tuple[Condition, ...] = ()


@dataclass(frozen=True, kw_only=True, config=_STRICT)
class Ask:
    """A value that the law leaves open and the user must give.

    Parameters
    ----------
    name : str
        Key under ``[rules.values.<rule id>]`` of the project file.
    unit : str
    text_zh, text_en : str
        What it is.
    """

    name: Text
    unit: Text
    text_zh: Text
    text_en: Text


@dataclass(frozen=True, kw_only=True, config=_STRICT)
class Rule:
    """One criterion.

    Parameters
    ----------
    id : str
        Stable id, without the edition of the standard.
    title_zh, title_en, text_zh, text_en : str
        Short name and one sentence of what is asked.
    standard : str
        Number or short name of the law or standard.
    standard_zh, standard_en, edition : str
        Its title and its edition or date.
    clause_zh, clause_en : str
        Article or clause.
    evidence : Evidence
        How far the criterion itself is verified.
    effect : Effect
        What it asks for.
    engine : str
        How it is applied: `distance` (between two geometries), `crossing` (they meet), `multiple` (distance against a
        multiple of a measure of the subject), `measured` (a measurement or attribute of one thing), `pair` (a
        measurement between two things), `influence` (a zone that reaches beyond the subject's outline), `graded` (the
        worst of several indices).
    subjects, objects : tuple of Selector
        What it is about, and what is protected.
    metric : str
        What is compared.
    op : str
        The criterion is met by the subject's breaking it: ``measured op required`` is the broken state.
    value : float
        Limit in `unit`; with `per` the factor. Where `value_from` names a value that the user gives, it stands for it.
    value_from : str
        Name of the asked value that is the limit itself: the source leaves the number open.
    min_value : float, optional
        Inner edge of the clause's strip: a stricter clause may govern nearer than this. What lies nearer, but apart, is
        kept and told so; what meets the object (distance 0) is left to the rule on crossings.
    unit : str
        Unit of what is measured.
    measured_from : {"centreline", "edge", "toe"}
        From where the law measures at the object; an edge that a layer has only as a line is told in the finding.
    per, per_attribute : str
        `multiple`, `measured`: the measure H that multiplies, a metric of the subject, and the canonical attribute that
        stands in for it (``<per>_m`` where none is named).
    attribute, divide_by : str
        `measured`: canonical attribute that stands in for the metric, and one to divide it by.
    days_since : str
        `measured`: canonical date; the days from it to the day of the assessment are what is compared.
    checked_by : str
        `pair`: metric of the subject alone that shows that the pairs were looked for.
    hazard_grade : HazardGrade
        Grade where a list of major hidden dangers names it.
    colour : Colour, optional
        Colour of a broken state where the common table is not meant.
    source : str
        Where the text was read.
    order_matters : bool
        Only what was built later than the object comes under the rule.
    unchecked_condition : bool
        The clause has a condition that no layer can show: a broken state is then no more than suspected.
    adds_reasons : tuple of str
        Reason codes that every finding carries.
    settings : mapping
        Tables of the standard that the engine needs, checked against
        :data:`sxrisk.rules.engines.settings.SETTINGS`.
    asks : tuple of Ask
        Values that the user must give.
    effective_from, effective_to : date, optional
        Days between which the rule is in force.
    period_end : date, optional
        Last day of the period that a plan was made for; later the rule is still applied, and its findings say so.
    overridden : bool
        The user changed its value, min_value or effect.
    replaces : tuple of str
        Ids of rules whose findings this one goes on with, where an id had to change.
    """

    id: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9.'_-]*$")]
    title_zh: Text
    title_en: Text
    text_zh: Text
    text_en: Text
    standard: Text
    standard_zh: Text
    standard_en: Text
    edition: str
    clause_zh: str
    clause_en: str
    evidence: Evidence
    effect: Effect
    engine: Engine
    subjects: Annotated[tuple[Selector, ...], Field(min_length=1)]
    objects: tuple[Selector, ...] = ()
    metric: Text
    op: Op
    value: Annotated[float, Field(ge=0)]
    unit: Text
    source: Text
    min_value: Annotated[float, Field(ge=0)] | None = None
    measured_from: Literal["centreline", "edge", "toe"] = "edge"
    value_from: str = ""
    per: str = ""
    per_attribute: str = ""
    attribute: str = ""
    divide_by: str = ""
    days_since: str = ""
    checked_by: str = ""
    hazard_grade: HazardGrade = HazardGrade.NONE
    colour: Colour | None = None
    order_matters: bool = False
    unchecked_condition: bool = False
    adds_reasons: tuple[str, ...] = ()
    settings: Mapping[str, Any] = Field(default_factory=dict)
    asks: tuple[Ask, ...] = ()
    effective_from: date | None = None
    effective_to: date | None = None
    period_end: date | None = None
    overridden: bool = False
    replaces: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _whole(self) -> "Rule":
        if self.engine not in _ALONE and not self.objects:
            raise ValueError(f"engine {self.engine!r} needs objects")
        if self.engine == "multiple" and not self.per:
            raise ValueError("engine 'multiple' needs per, the measure that the value multiplies")
        if self.engine in ("distance", "crossing", "multiple", "influence") and self.op not in ("<", "<="):
            raise ValueError(f"engine {self.engine!r} needs op '<' or '<=', a distance breaks by being too short")
        if (measures := _MEASURES.get(self.engine)) and (self.metric not in measures or self.unit != "m"):
            named = " or ".join(map(repr, measures))
            raise ValueError(
                f"engine {self.engine!r} needs metric {named} and unit 'm', not {self.metric!r} in {self.unit!r}"
            )
        if self.engine == "pair" and not self.checked_by:
            raise ValueError("engine 'pair' needs checked_by, the metric that shows that the pairs were looked for")
        if self.min_value is not None and self.min_value >= self.value:
            raise ValueError(f"min_value {self.min_value:g} is not below value {self.value:g}")
        if self.evidence is Evidence.X and not self.asks:
            raise ValueError("evidence X is never hard-coded: it needs asks")
        if self.value_from and self.value_from not in {ask.name for ask in self.asks}:
            raise ValueError(f"value_from names {self.value_from!r}, which is not one of asks")
        if self.days_since and (self.engine != "measured" or self.unit != "d"):
            raise ValueError("days_since is for engine 'measured' with unit 'd'")
        self._check_settings()
        return self

    def _check_settings(self) -> None:
        model = SETTINGS.get(self.engine)
        if model is None:
            if self.settings:
                raise ValueError(f"engine {self.engine!r} has no settings")
            return
        try:
            model.model_validate(self.settings)
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            key = ".".join(str(part) for part in ("settings", *first["loc"]))
            raise ValueError(f"{key}: {first['msg']}") from error

    @property
    def height_attribute(self) -> str:
        """Canonical attribute that stands in for the measure `per`; empty where there is none."""
        return self.per_attribute or (f"{self.per}_m" if self.per else "")

    @property
    def subject_kinds(self) -> tuple[str, ...]:
        """Kinds that the rule is about."""
        return tuple(dict.fromkeys(kind for selector in self.subjects for kind in selector.kinds))

    @property
    def object_kinds(self) -> tuple[str, ...]:
        """Kinds that the rule protects; empty where it has no object."""
        return tuple(dict.fromkeys(kind for selector in self.objects for kind in selector.kinds))

    @property
    def condition(self) -> str:
        """Conditions on attributes in a compact form, empty where there are none."""
        told = [
            f"{end}: " + " and ".join(map(str, selector.where))
            for end, selectors in (("subject", self.subjects), ("object", self.objects))
            for selector in selectors
            if selector.where
        ]
        return "; ".join(dict.fromkeys(told))

    def in_force(self, as_of: date) -> bool:
        """Whether the rule is in force on a day."""
        started = self.effective_from is None or self.effective_from <= as_of
        return started and (self.effective_to is None or as_of <= self.effective_to)

    def changed_by_user(self) -> "Rule":
        """The rule with a number or effect that is the user's: its evidence is then no better than `user`.

        Examples
        --------
        >>> from sxrisk.rules import load_catalogue
        >>> rules = load_catalogue().rules
        >>> [str(rules[name].changed_by_user().evidence) for name in ("P-33", "DUMP-2H", "DUMP-2H-R")]
        ['user', 'user', 'G']
        """
        weaker = self.evidence in (Evidence.G, Evidence.X)
        return replace(self, overridden=True, evidence=self.evidence if weaker else Evidence.USER)

    def with_value_of_user(self, values: Mapping[str, float]) -> "Rule":
        """The rule with the limit that the user gave for it: its evidence is then no better than `user`."""
        if not self.value_from or self.value_from not in values:
            return self
        weaker = self.evidence in (Evidence.G, Evidence.X)
        evidence = self.evidence if weaker else Evidence.USER
        reasons = (*self.adds_reasons, "value_from_user")
        return replace(self, value=float(values[self.value_from]), evidence=evidence, adds_reasons=reasons)

    def lacks(self, values: Mapping[str, float]) -> tuple[str, ...]:
        """Names of the asked values that were not given."""
        return tuple(ask.name for ask in self.asks if ask.name not in values)
