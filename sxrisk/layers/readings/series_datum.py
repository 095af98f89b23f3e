"""Which height system readings above a datum are in."""

from collections.abc import Sequence
from pathlib import Path

from pyproj import CRS
from pyproj.exceptions import CRSError as ProjCRSError

from sxrisk.errors import CRSError, ParameterError
from sxrisk.layers.kinds import header_key
from sxrisk.layers.readings.series_kinds import SeriesKind
from sxrisk.layers.report import Issue, LayerReport

__all__ = ["height_system"]

_HEIGHT_NAMES = dict.fromkeys(("1985国家高程基准", "85高程", "1985高程", "国家85高程"), "EPSG:5737") | dict.fromkeys(
    ("1956黄海高程", "56黄海高程", "黄海高程"), "EPSG:5736"
)
_UNKNOWN = "unknown"


def height_system(
    definition: SeriesKind, headers: Sequence[str], declared: str | None, report: LayerReport, path: Path
) -> str:
    """Height system of the values: as declared, as a header names it, else unknown; "" where they are no heights.

    Parameters
    ----------
    definition : SeriesKind
        What was measured.
    headers : sequence of str
        Headers of the values.
    declared : str or None
        By the user, a code or a Chinese name.
    report : LayerReport
        Gets an issue where it stays unknown.
    path : Path
        For messages.

    Raises
    ------
    CRSError
        If what is declared is no height system, or a header names another one.
    ParameterError
        If one is declared for values that are no heights.
    """
    if not definition.is_height:
        if declared is not None:
            raise ParameterError(f"{definition.name} has no vertical_crs", expected="levelling or water_level")
        return ""
    spoken = {code for name in headers for word, code in _HEIGHT_NAMES.items() if header_key(word) in header_key(name)}
    if declared is None:
        if len(spoken) == 1:
            return spoken.pop()
        report.issues.append(
            Issue("vertical_datum_unknown", "no height system is named: heights of another table cannot be compared")
        )
        return _UNKNOWN
    system = _vertical(_HEIGHT_NAMES.get(header_key(declared), declared), path)
    if spoken - {system}:
        raise CRSError(
            f"a header names the height system {', '.join(sorted(spoken))}, but {system} is declared", where=path,
            expected="one height system",
        )  # fmt: skip
    return system


def _vertical(text: str, path: Path) -> str:
    try:
        crs = CRS.from_user_input(text)
    except ProjCRSError as error:
        raise CRSError(f"{text!r} is no height system", where=path, expected='e.g. "EPSG:5737"') from error
    if not crs.is_vertical:
        raise CRSError(f"{text} ({crs.name}) is no height system", where=path, expected='e.g. "EPSG:5737"')
    return crs.to_string()
