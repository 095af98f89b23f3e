"""Pictures of subsidence basins: depth, boundaries, and the graded buildings and lines in them."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import xarray as xr
from pyproj import CRS

from sxrisk.crs import move_geometries
from sxrisk.products.fonts import chinese_figures
from sxrisk.products.kinds import COLOURS, kind_style
from sxrisk.products.text import Language, label

__all__ = ["draw_subsidence"]

_DPI = 160
_MOST_BASINS = 6
_RAMP = ("#ffffff", "#d9e4ec", "#a8bfd0", "#7390ab", "#4a5f80", "#2c3655")
_EARTH = "earth"
_GRADES = {
    name: COLOURS[colour]
    for name, colour in zip(("I", "II", "III", "IV"), ("blue", "yellow", "orange", "red"), strict=True)
}
_GRADES[_EARTH] = "#8a5a2b"
_LINES = ("road", "railway", "pipeline", "gas_pipe", "river", "power_line")


def draw_subsidence(
    path: Path,
    basins: Mapping[str, xr.DataArray],
    zones: gpd.GeoDataFrame,
    findings: gpd.GeoDataFrame,
    layers: Mapping[str, gpd.GeoDataFrame],
    *,
    language: Language = "zh",
    note: str = "",
) -> Path:
    """Draw the deepest basins as one PNG, up to six.

    Parameters
    ----------
    path : Path
    basins : mapping of str to DataArray
        Subsidence in mm on dims (y, x), projected, by the goaf that names the group.
    zones : GeoDataFrame
        Boundaries with ``criterion``, EPSG:4490.
    findings : GeoDataFrame
        Findings schema: damage grades colour the buildings.
    layers : mapping of str to GeoDataFrame
        Canonical layers, EPSG:4490: what is drawn over the basin.
    language : {"zh", "en"}
    note : str
        Printed at the top, e.g. the mark of synthetic data.

    Returns
    -------
    Path
    """
    from matplotlib.figure import Figure

    shown = sorted(basins, key=lambda goaf: -float(basins[goaf].max()))[:_MOST_BASINS]
    columns = min(len(shown), 2)
    rows = -(-len(shown) // columns)
    earth = findings[(findings["rule_id"] == "BD-EARTH") & (findings["result"] == "beyond_grade_I")]
    graded = {
        **dict.fromkeys(earth["object_id"], _EARTH),
        **findings[findings["rule_id"] == "BD-GRADE"].set_index("object_id")["result"].to_dict(),
    }
    with chinese_figures():
        figure = Figure(figsize=(6.2 * columns + 1.0, 6.2 * rows + 0.6), layout="constrained")
        for number, goaf in enumerate(shown, start=1):
            axes = figure.add_subplot(rows, columns, number)
            _basin(figure, axes, basins[goaf], language)
            counts = _things(axes, layers, graded, basins[goaf])
            _edges(axes, zones, layers, basins[goaf])
            _legend(axes, counts, language)
            axes.set_title(f"{label('kind', 'goaf', language)} {goaf}", loc="left", parse_math=False, fontsize=10)
        if note:
            figure.suptitle(note, fontsize=8, color="#4a5866", x=0.99, ha="right", parse_math=False)
        path.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(path, dpi=_DPI, metadata={"Software": None})
    return path


def _basin(figure: Any, axes: Any, basin: xr.DataArray, language: Language) -> None:
    from matplotlib.colors import LinearSegmentedColormap

    x, y, values = basin["x"].values / 1000.0, basin["y"].values / 1000.0, basin.values
    # From a hundredth on: what is left of a Gaussian far off is no ground movement.
    levels = np.linspace(0.01, 1.0, 13) * float(values.max())
    filled = axes.contourf(x, y, values, levels=levels, cmap=LinearSegmentedColormap.from_list("depth", _RAMP))
    figure.colorbar(filled, ax=axes, shrink=0.8, label=label("figure", "subsidence", language), format="%.0f")
    axes.set_xlim(x.min(), x.max())
    axes.set_ylim(y.min(), y.max())
    axes.set_aspect("equal")
    axes.set_xlabel(label("figure", "easting", language))
    axes.set_ylabel(label("figure", "northing", language))
    axes.ticklabel_format(useOffset=False, style="plain")


def _near(frame: gpd.GeoDataFrame, basin: xr.DataArray) -> Any:
    """Rows of a layer that lie in the picture, as kilometres of its projection."""
    west, south, east, north = basin.rio.bounds()
    crs = CRS.from_user_input(basin.rio.crs)
    moved = gpd.GeoSeries(move_geometries(frame.geometry.to_numpy(), frame.crs, crs), index=frame.index)
    return moved.cx[west:east, south:north].affine_transform([1e-3, 0, 0, 1e-3, 0, 0])


def _things(axes: Any, layers: Mapping[str, Any], graded: Mapping[str, str], basin: xr.DataArray) -> dict[str, int]:
    counts = dict.fromkeys(_GRADES, 0)
    for frame in layers.values():
        if not len(frame):
            continue
        kinds = frame["kind"].astype("str")
        for kind in (name for name in _LINES if (kinds == name).any()):
            lines = _near(frame[kinds == kind], basin)
            if len(lines):
                lines.plot(ax=axes, color=kind_style(kind).colour, linewidth=1.2, aspect=None, zorder=3)
        buildings = frame[kinds.isin(["building", "school", "hospital"])]
        if not len(buildings):
            continue
        shapes = _near(buildings, basin)
        grades = buildings.loc[shapes.index, "id"].map(graded)
        for grade in (None, *_GRADES):
            part = shapes[grades.isna() if grade is None else grades == grade]
            if not len(part):
                continue
            colour = "#b9c0c6" if grade is None else _GRADES[grade]
            part.plot(ax=axes, color=colour, edgecolor="#3a4652", linewidth=0.3, markersize=18, aspect=None, zorder=4)
            if grade is not None:
                counts[grade] += len(part)
    return counts


def _edges(axes: Any, zones: gpd.GeoDataFrame, layers: Mapping[str, Any], basin: xr.DataArray) -> None:
    goafs = [frame[frame["kind"] == "goaf"] for frame in layers.values() if len(frame)]
    for outline in goafs:
        shapes = _near(outline, basin) if len(outline) else None
        if shapes is not None and len(shapes):
            shapes.boundary.plot(ax=axes, color="#1d242b", linewidth=1.3, aspect=None, zorder=5)
    for criterion, colour, style in (("basin", "#4a5866", "-"), ("dangerous_movement", "#a1217a", "--")):
        part = zones[zones["criterion"] == criterion]
        shapes = _near(part, basin) if len(part) else None
        if shapes is not None and len(shapes):
            shapes.boundary.plot(ax=axes, color=colour, linewidth=1.1, linestyle=style, aspect=None, zorder=5)


def _legend(axes: Any, counts: Mapping[str, int], language: Language) -> None:
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    handles: list[Any] = [
        Line2D([], [], color="#1d242b", linewidth=1.3, label=label("figure", "goaf_outline", language)),
        Line2D([], [], color="#4a5866", label=label("figure", "basin_edge", language)),
        Line2D([], [], color="#a1217a", linestyle="--", label=label("figure", "dangerous_movement", language)),
    ]
    for grade, count in counts.items():
        if count:
            if grade == _EARTH:
                text = label("figure", "earth_houses", language, count=count)
            else:
                text = label("figure", "damage_grade", language, grade=grade, count=count)
            handles.append(Patch(facecolor=_GRADES[grade], edgecolor="#3a4652", label=text))
    # Below the picture: above it would hide the houses.
    axes.legend(handles=handles, loc="upper center", bbox_to_anchor=(0.5, -0.14), ncols=3, fontsize=7, frameon=False)
