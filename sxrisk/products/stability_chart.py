"""The stability graph as the usual log-log chart, with a goaf's faces on it."""

from collections.abc import Mapping
from pathlib import Path
from textwrap import wrap
from typing import Any

import numpy as np
import pandas as pd

from sxrisk.errors import MissingFieldError, ParameterError
from sxrisk.products.fonts import chinese_figures
from sxrisk.products.text import Language, label
from sxrisk.scans import whole_file
from sxrisk.sites.stability import (
    WITHOUT_PILLARS,
    hydraulic_radius_at_m,
    parameter_title,
    potvin_transition_m,
)

__all__ = ["draw_stability_chart", "face_title"]

_DPI = 160
# Decades of hydraulic radius and of stability number within which two numbers would stand on each other, and within
# which a face on the right leaves no room for the number between both.
_SAME_PLACE, _CROWDED = (0.03, 0.06), (0.12, 0.4)
# What a file says of itself; without a date, so that the same chart is the same file.
_FILE_FACTS: Mapping[str, dict[str, None]] = {".png": {"Software": None}, ".svg": {"Date": None, "Creator": None}}
_COLUMNS = ("face", "applied", "missing", "n_prime", "hr_m", "probability_stable")
_LINES = (0.1, 0.3, 0.5, 0.7, 0.9)
# From caving to stable, one more than there are lines; pale, so that the faces stand out.
_ZONES = ("#f3d3cd", "#f7e3d6", "#faf2e0", "#eef2e4", "#e0ecea", "#d3e3ee")
_LINE, _BAND, _FACE, _TEXT = "#59707f", "#8c7a5c", "#123f73", "#26323c"
_CHART_INCHES, _ROW_INCHES, _NOTE_INCHES = 6.0, 0.21, 0.17
# A Chinese character is as wide as two others.
_LINE_CHARACTERS = {"zh": 68, "en": 126}
_HR_RANGE, _N_RANGE = (1.0, 100.0), (0.1, 1000.0)


def draw_stability_chart(
    path: Path, faces: pd.DataFrame, *, language: Language = "zh", title: str = "", note: str = ""
) -> Path:
    """Draw the stability graph as PNG or SVG, each face with its bars of uncertainty.

    Parameters
    ----------
    path : Path
        Ends in ``.png`` or ``.svg``.
    faces : DataFrame
        As :func:`sxrisk.sites.stability.graph_faces` gives it. Faces that lack a parameter are told below the chart.
    language : {"zh", "en"}
    title : str
        E.g. the goaf's name; put before the chart's own title.
    note : str
        Printed above, e.g. the date and the mark of synthetic data.

    Returns
    -------
    Path

    Raises
    ------
    MissingFieldError
        If a column is missing.
    ParameterError
        If the file is neither a PNG nor an SVG.
    """
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    if path.suffix.lower() not in _FILE_FACTS:
        raise ParameterError(f"a chart cannot be written as {path.name}", expected=f"one of {', '.join(_FILE_FACTS)}")
    lacking = [name for name in _COLUMNS if name not in faces.columns]
    if lacking:
        raise MissingFieldError(
            f"{', '.join(lacking)} is missing", where="faces", expected="the table that graph_faces gives"
        )
    placed, left_out = faces[faces["applied"]], faces[~faces["applied"].astype(bool)]
    with chinese_figures():
        told = [_left_out(face, language) for face in left_out.to_dict("records")]
        told.append(label("figure", "graph_evidence", language))
        lines = [line for text in told for line in wrap(text, _LINE_CHARACTERS[language])]
        below = _ROW_INCHES * (len(placed) + 2) + _NOTE_INCHES * len(lines)
        figure = Figure(figsize=(8.0, _CHART_INCHES + below), layout="constrained")
        axes, words = figure.subplots(2, 1, height_ratios=(_CHART_INCHES, below))
        words.set_axis_off()
        hr_range, n_range = _limits(placed)
        _zones(axes, hr_range, n_range, language)
        _transition(axes, language)
        for number, face in enumerate(placed.to_dict("records"), start=1):
            _point(axes, number, face, language)
        _numbers(axes, placed)
        _frame(axes, hr_range, n_range, language, title)
        legend = words.legend(*axes.get_legend_handles_labels(), loc="upper left", frameon=False, fontsize=9)
        for text in legend.get_texts():
            text.set_parse_math(False)
        words.text(0, 0, "\n".join(lines), fontsize=7.5, color="#4a5866", va="bottom", parse_math=False)
        if note:
            figure.suptitle(note, fontsize=8, color="#4a5866", x=0.99, ha="right", parse_math=False)
        path.parent.mkdir(parents=True, exist_ok=True)
        with whole_file(path) as partial, rc_context({"svg.hashsalt": "sxrisk"}):
            facts = _FILE_FACTS[path.suffix.lower()]
            figure.savefig(partial, format=path.suffix.lower()[1:], dpi=_DPI, metadata=facts)
    return path


def face_title(face: str, language: Language) -> str:
    """A face's name as people read it: ``roof-1`` is roof 1; a name that is the user's own stays.

    Examples
    --------
    >>> face_title("wall-2", "en"), face_title("roof-1/without-pillars", "en"), face_title("hanging wall", "en")
    ('Wall 2', 'Roof 1, pillars not counted', 'hanging wall')
    """
    name = face.removesuffix(WITHOUT_PILLARS)
    kind, _, number = name.rpartition("-")
    title = label("figure", f"face_{kind}", language, number=number) if kind in ("roof", "wall") else name
    return title if name == face else label("figure", "face_without_pillars", language, face=title)


def _limits(placed: pd.DataFrame) -> tuple[tuple[float, float], tuple[float, float]]:
    """The chart's usual extent, wider by whole decades where a face or its bar lies beyond."""

    def widened(column: str, usual: tuple[float, float]) -> tuple[float, float]:
        names = [name for name in (column, f"{column}_p05", f"{column}_p95") if name in placed.columns]
        values = placed[names].to_numpy(dtype=float).ravel()
        values = values[np.isfinite(values) & (values > 0)]
        if not len(values):
            return usual
        low, high = 10.0 ** np.floor(np.log10(values.min())), 10.0 ** np.ceil(np.log10(values.max()))
        return min(usual[0], float(low)), max(usual[1], float(high))

    return widened("hr_m", _HR_RANGE), widened("n_prime", _N_RANGE)


def _zones(axes: Any, hr_range: tuple[float, float], n_range: tuple[float, float], language: Language) -> None:
    from matplotlib import patheffects

    n = np.geomspace(*n_range, 64)
    # A low probability has the larger radius: from the caving side to the stable one.
    edges = [np.full_like(n, np.inf), *(hydraulic_radius_at_m(share, n) for share in _LINES), np.zeros_like(n)]
    edges = [np.clip(edge, hr_range[0] / 10.0, hr_range[1] * 10.0) for edge in edges]
    for right, left, colour in zip(edges, edges[1:], _ZONES, strict=False):
        axes.fill_betweenx(n, left, right, color=colour, linewidth=0, zorder=0)
    lowest, highest = (float(x) for x in n_range)
    for share in _LINES:
        axes.plot(hydraulic_radius_at_m(share, n), n, color=_LINE, linewidth=0.9, zorder=1)
        # Where the line leaves the chart at the top or at the right.
        at = highest / 10.0 ** (0.12 * np.log10(highest / lowest))
        hr = float(hydraulic_radius_at_m(share, at))
        while hr > hr_range[1] / 1.25 and at > lowest:
            at /= 1.3
            hr = float(hydraulic_radius_at_m(share, at))
        axes.annotate(
            label("figure", "stable_probability", language, percent=f"{share * 100:g}"),
            (hr, at),
            rotation=_angle(axes, hr_range, n_range),
            rotation_mode="anchor",
            ha="right",
            va="bottom",
            fontsize=7.5,
            color=_LINE,
            path_effects=[patheffects.withStroke(linewidth=2.5, foreground="white")],
            zorder=2,
        )
    for key, place, side in (("stable_side", (0.04, 0.95), "left"), ("caving_side", (0.96, 0.05), "right")):
        axes.text(
            *place,
            label("figure", key, language),
            transform=axes.transAxes,
            ha=side,
            color=_TEXT,
            fontsize=12,
            alpha=0.7,
        )


def _angle(axes: Any, hr_range: tuple[float, float], n_range: tuple[float, float]) -> float:
    """Slope of the lines on paper: all are parallel on a log-log chart."""
    one, ten = np.log10(hydraulic_radius_at_m(0.5, np.array([1.0, 10.0])))
    width, height = 7.0 / np.log10(hr_range[1] / hr_range[0]), 5.0 / np.log10(n_range[1] / n_range[0])
    return float(np.degrees(np.arctan2(height, (ten - one) * width)))


def _transition(axes: Any, language: Language) -> None:
    n = np.geomspace(0.1, 100.0, 64)
    low, high = potvin_transition_m(n)
    axes.fill_betweenx(
        n,
        low,
        high,
        facecolor="none",
        edgecolor=_BAND,
        hatch="////",
        linewidth=0.8,
        zorder=1.5,
        label=label("figure", "potvin_transition", language),
    )


def _point(axes: Any, number: int, face: dict[Any, Any], language: Language) -> None:
    hr, n, probability = (float(face[key]) for key in ("hr_m", "n_prime", "probability_stable"))
    bars = [
        np.maximum([[value - face.get(f"{key}_p05", value)], [face.get(f"{key}_p95", value) - value]], 0.0)
        for key, value in (("hr_m", hr), ("n_prime", n))
    ]
    share = _percent(probability)
    if face.get("probability_stable_p95", probability) - face.get("probability_stable_p05", probability) > 0.015:
        ends = [_percent(face[f"probability_stable_{point}"]) for point in ("p05", "p95")]
        share += f" ({ends[0]}–{ends[1]})"
    axes.errorbar(
        [hr],
        [n],
        xerr=bars[0],
        yerr=bars[1],
        marker="os^Dv"[(number - 1) % 5],
        markersize=7,
        color=_FACE,
        markeredgecolor="white",
        ecolor=_FACE,
        elinewidth=1.4,
        capsize=3,
        linestyle="none",
        zorder=4,
        label=label(
            "figure",
            "face_place",
            language,
            number=number,
            face=face_title(str(face["face"]), language),
            n=f"{n:.3g}",
            hr=f"{hr:.3g}",
            percent=share,
        ),
    )


def _numbers(axes: Any, placed: pd.DataFrame) -> None:
    """The faces' numbers beside them; faces on the same place share one label."""
    from matplotlib import patheffects

    labels: dict[tuple[float, float], list[str]] = {}
    for number, place in enumerate(placed[["hr_m", "n_prime"]].to_numpy(dtype=float), start=1):
        same = [at for at in labels if (np.abs(np.log10(place / at)) < _SAME_PLACE).all()]
        labels.setdefault(same[0] if same else (float(place[0]), float(place[1])), []).append(str(number))
    for at, numbers in labels.items():
        apart = [np.log10(np.divide(other, at)) for other in labels if other[0] > at[0]]
        left = any((np.abs(step) < _CROWDED).all() for step in apart)
        axes.annotate(
            ", ".join(numbers),
            at,
            xytext=(-8 if left else 7, 7),
            textcoords="offset points",
            ha="right" if left else "left",
            fontsize=10,
            color=_TEXT,
            path_effects=[patheffects.withStroke(linewidth=2.5, foreground="white")],
            zorder=5,
        )


def _percent(share: float) -> str:
    """Whole percent; what is not certain is never told as 0 or 100."""
    return "<1%" if share < 0.01 else ">99%" if share > 0.99 else f"{share * 100:.0f}%"


def _frame(
    axes: Any, hr_range: tuple[float, float], n_range: tuple[float, float], language: Language, title: str
) -> None:
    from matplotlib.ticker import FuncFormatter

    axes.set(xscale="log", yscale="log", xlim=hr_range, ylim=n_range)
    plain = FuncFormatter(lambda value, _: f"{value:g}")
    axes.xaxis.set_major_formatter(plain)
    axes.yaxis.set_major_formatter(plain)
    axes.grid(which="major", color="#c3c8cc", linewidth=0.6, zorder=0.5)
    axes.grid(which="minor", color="#dfe3e6", linewidth=0.3, zorder=0.5)
    axes.set_axisbelow(False)
    axes.set_xlabel(label("figure", "hydraulic_radius", language))
    axes.set_ylabel(label("figure", "stability_number", language))
    own = label("figure", "stability_graph", language)
    axes.set_title(f"{title}  {own}".strip(), loc="left", parse_math=False)


def _left_out(face: dict[Any, Any], language: Language) -> str:
    names = [name for name in str(face["missing"]).split(", ") if name]
    words = [parameter_title(name, language) for name in names]
    joint = "、" if language == "zh" else "; "
    return label(
        "figure", "face_left_out", language, face=face_title(str(face["face"]), language), missing=joint.join(words)
    )
