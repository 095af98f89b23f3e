"""The user's parameters of a goaf's stability, as a project file has them: checked as a whole, each with its place."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Any

from sxrisk.errors import ParameterError, Problem
from sxrisk.sites.stability.methods import METHODS, WORDS
from sxrisk.sites.stability.ranges import Value, parameter_value, parameter_values
from sxrisk.sites.stability.stability_graph import Form

__all__ = ["FACE_PARAMETERS", "SITE_PARAMETERS", "StabilityParameters", "factors_by_method", "stability_problems"]

#: What may be said of one face, or of all of them.
FACE_PARAMETERS = (
    "q_prime", "rqd", "joint_sets_jn", "joint_roughness_jr", "joint_alteration_ja", "factor_a", "ucs_mpa",
    "induced_stress_mpa", "factor_b", "joint_angle_deg", "factor_c", "joint_dip_deg",
)  # fmt: skip
# Of one face or one pillar: only the survey knows them.
_SURVEYED = {"hydraulic_radius_m", "area_m2", "perimeter_m", "width_m", "height_m", "length_m", "safety_factor"}
_ASKED = {name for group in METHODS.values() for method in group.values() for name in method.needs} - {"mineral"}
#: What may be said of the goaf as a whole; a measure of it that is given counts instead of the survey's.
SITE_PARAMETERS = tuple(
    sorted((_ASKED - _SURVEYED) | {*FACE_PARAMETERS, "span_m", "available_m", "depth_m", "overburden_m"})
)
_FACTORED = tuple(name for name, method in METHODS["roof"].items() if "safety_factor" in method.needs)


@dataclass(frozen=True)
class StabilityParameters:
    """What the user knows of a goaf's rock, each value a number, a range or a distribution.

    Parameters
    ----------
    rock : mapping of str to Value
        By the names of :data:`SITE_PARAMETERS`.
    safety_factors : mapping of str to Value
        By roof method: a factor belongs to its method.
    mineral : str
        ``coal`` or ``non_coal``; empty where nobody said it.
    form : {"potvin", "mathews"}
        Of factor C under gravity.
    failure : str
        ``gravity`` or ``sliding`` of every face that has none of its own; empty where nobody said it.
    faces : mapping of str to mapping
        What differs from face to face: of ``roof`` (all roofs), ``wall`` (all walls) or one face by its id, values by
        the names of :data:`FACE_PARAMETERS`, and ``failure``.
    """

    rock: Mapping[str, Value] = field(default_factory=dict)
    safety_factors: Mapping[str, Value] = field(default_factory=dict)
    mineral: str = ""
    form: Form = "potvin"
    failure: str = ""
    faces: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    @classmethod
    def read(cls, table: "Mapping[str, Any] | StabilityParameters") -> "StabilityParameters":
        """Read the table of a project file (``[sites.<id>.stability]``) or of a caller.

        Parameters
        ----------
        table : mapping
            Parameters by name: a number; ``[low, high]``; or ``{distribution = "normal", mean = 80, sigma = 10}`` and
            the other forms of :func:`sxrisk.sites.stability.as_value`. ``safety_factor`` may be a table of method to
            factor. ``mineral``, ``form``, ``failure`` are words; ``faces`` is a table of tables.

        Returns
        -------
        StabilityParameters

        Raises
        ------
        ParameterError
            If a name is unknown or a value impossible; the first of :func:`stability_problems`.

        Examples
        --------
        >>> read = StabilityParameters.read({"ucs_mpa": [80, 120], "safety_factor": 1.3, "mineral": "non_coal"})
        >>> read.rock["ucs_mpa"].middle, read.safety_factors["load_transfer"].middle
        (100.0, 1.3)
        """
        if isinstance(table, StabilityParameters):
            return table
        for problem in stability_problems(table):
            raise _error(problem)
        return cls(
            rock=parameter_values({name: table[name] for name in SITE_PARAMETERS if name in table}),
            safety_factors=factors_by_method(table.get("safety_factor")),
            mineral=table.get("mineral", ""),
            form=table.get("form", "potvin"),
            failure=table.get("failure", ""),
            faces=table.get("faces", {}),
        )

    def of_face(self, face: str, kind: str) -> dict[str, Any]:
        """What was said of one face: of all, then of its kind, then of itself; the last counts."""
        shared = {"failure": self.failure} if self.failure else {}
        return {**shared, **self.faces.get(kind, {}), **self.faces.get(face, {})}


def stability_problems(table: Mapping[str, Any]) -> Iterator[Problem]:
    """Everything that is wrong with a table of parameters.

    Parameters
    ----------
    table : mapping
        As for :meth:`StabilityParameters.read`.

    Yields
    ------
    Problem
        `where` is the key inside the table.

    Examples
    --------
    >>> for problem in stability_problems({"ucs": 80, "rqd": 120, "mineral": "gold"}):
    ...     print(problem)
    ucs: unknown key. Did you mean 'ucs_mpa'?
    rqd: the value is 120; expected above 0, up to 100 %.
    mineral: found 'gold'; expected coal or non_coal.
    """
    known = (*SITE_PARAMETERS, "safety_factor", "faces", *WORDS)
    for name, given in table.items():
        if name == "safety_factor":
            yield from _factor_problems(given)
        elif name == "faces":
            yield from _faces_problems(given)
        else:
            yield from _entry_problems(name, given, known, name)


def _error(problem: Problem) -> ParameterError:
    return ParameterError(problem.what, where=problem.where, expected=problem.expected, remedy=problem.remedy)


def _entry_problems(name: str, given: Any, known: tuple[str, ...], where: str) -> Iterator[Problem]:
    if name not in known:
        close = get_close_matches(name, known, n=1)
        yield Problem(
            "unknown key", where, remedy=f"Did you mean {close[0]!r}?" if close else f"Known here: {', '.join(known)}"
        )
    elif name in WORDS:
        if given not in WORDS[name]["values"]:
            yield Problem(f"found {given!r}", where, " or ".join(WORDS[name]["values"]))
    else:
        yield from _value_problems(name, given, where)


def _value_problems(name: str, given: Any, where: str) -> Iterator[Problem]:
    try:
        parameter_value(name, given)
    except ParameterError as error:
        yield Problem(error.problem.what, where, error.problem.expected, error.problem.remedy)


def _factor_problems(given: Any) -> Iterator[Problem]:
    if not isinstance(given, Mapping) or "distribution" in given:
        yield from _value_problems("safety_factor", given, "safety_factor")
        return
    for method, factor in given.items():
        where = f"safety_factor.{method}"
        if method not in _FACTORED:
            yield Problem("no roof method with a factor is called so", where, ", ".join(_FACTORED))
        else:
            yield from _value_problems("safety_factor", factor, where)


def _faces_problems(given: Any) -> Iterator[Problem]:
    if not isinstance(given, Mapping):
        yield Problem(f"found {given!r}", "faces", "tables such as [faces.roof], [faces.wall], [faces.wall-2]")
        return
    for face, entries in given.items():
        if not isinstance(entries, Mapping):
            yield Problem(f"found {entries!r}", f"faces.{face}", "a table of parameters")
            continue
        for name, value in entries.items():
            yield from _entry_problems(name, value, (*FACE_PARAMETERS, "failure"), f"faces.{face}.{name}")


def factors_by_method(given: Any) -> dict[str, Value]:
    """Safety factors by roof method, from one factor for all or a table of method to factor.

    Raises
    ------
    ParameterError
        If a factor is impossible, or no method with a factor bears the name.

    Examples
    --------
    >>> factors_by_method({"load_transfer": 1.2})["load_transfer"].middle
    1.2
    """
    if given is None:
        return {}
    for problem in _factor_problems(given):
        raise _error(problem)
    if not isinstance(given, Mapping) or "distribution" in given:
        given = dict.fromkeys(_FACTORED, given)
    return {method: parameter_value("safety_factor", factor) for method, factor in given.items()}
