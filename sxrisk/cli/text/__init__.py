"""What the command line says, in Chinese and English: a module of words for each topic."""

import locale
import os
import string
from collections.abc import Mapping
from typing import Any

from sxrisk.cli.text import (
    goaf,
    goaf_stability,
    goaf_subsidence,
    main_job,
    records,
    rules,
    scan,
    scan_figures,
    scan_options,
)

__all__ = ["language", "language_asked_for", "say"]

_TEXTS: Mapping[str, tuple[str, str]] = {
    **main_job.TEXTS,
    **goaf.TEXTS,
    **goaf_stability.TEXTS,
    **goaf_subsidence.TEXTS,
    **rules.TEXTS,
    **records.TEXTS,
    **scan.TEXTS,
    **scan_options.TEXTS,
    **scan_figures.TEXTS,
}


class _Counting(string.Formatter):
    """``{count:finding|findings}`` is a number with the word that fits it."""

    def format_field(self, value: Any, format_spec: str) -> str:
        one, bar, more = format_spec.partition("|")
        return f"{value} {one if value == 1 else more}" if bar else format(value, format_spec)


_FORMATTER = _Counting()


def language() -> str:
    """``zh`` or ``en``: from SXRISK_LANG, else from the system's language."""
    wanted = os.environ.get("LC_ALL") or os.environ.get("LANG") or locale.getlocale()[0] or "en"
    return language_asked_for() or _code(wanted)


def language_asked_for() -> str | None:
    """``zh`` or ``en`` where SXRISK_LANG says it; None where only the system has a language."""
    wanted = os.environ.get("SXRISK_LANG")
    return _code(wanted) if wanted else None


def _code(wanted: str) -> str:
    return "zh" if wanted.lower().startswith(("zh", "chinese")) else "en"


def say(key: str, **values: object) -> str:
    """The text of `key` in the user's language, with `values` filled in.

    Examples
    --------
    >>> say("stage.rules") in ("Criteria: findings", "判据：生成隐患清单")
    True
    """
    english, chinese = _TEXTS[key]
    text = chinese if language() == "zh" else english
    return _FORMATTER.format(text, **values) if values else text
