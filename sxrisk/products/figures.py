"""Pictures for the region and the report: heatmap, four-colour grid, a site's mesh."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import numpy.typing as npt
import xarray as xr

from sxrisk.crs import move_geometries
from sxrisk.products.fonts import chinese_figures
from sxrisk.products.imagery import HEAT_RAMP
from sxrisk.products.kinds import COLOURS
from sxrisk.products.text import Language, label

__all__ = ["draw_grid", "draw_heatmap", "draw_site"]

_DPI = 160
_PICTURE_TRIANGLES = 400_000
_CHANGE_RAMP = ("#8f1226", "#cf4b3f", "#f2a582", "#f7f6f4", "#8fc0dd", "#3a83bb", "#123f73")
_ELEVATION_RAMP = ("#2d4a5e", "#3f7367", "#7c9c5c", "#c7b667", "#d8a36a", "#c9a699", "#f3ece8")
_SEEN = ("#c98b3d", "#4d7fa6")
_BELOW_LOD = "#c3c8cc"
_NOT_COMPUTED = "#59626b"


def draw_heatmap(
    path: Path,
    heatmap: xr.DataArray,
    *,
    boundary: gpd.GeoDataFrame | None = None,
    language: Language = "zh",
    note: str = "",
) -> Path:
    """Draw a density as a PNG with its scale in true numbers.

    Parameters
    ----------
    path : Path
    heatmap : DataArray, dims (y, x)
        Weight per square kilometre, in a projected CRS (metres).
    boundary : GeoDataFrame, optional
        Outlines to draw over it.
    language : {"zh", "en"}
    note : str
        Printed below, e.g. the date and the mark of synthetic data.
    """
    import rioxarray  # noqa: F401  (registers .rio)
    from matplotlib.colors import LinearSegmentedColormap, PowerNorm
    from matplotlib.figure import Figure

    field = heatmap.squeeze(drop=True).transpose("y", "x")
    values = field.to_numpy().astype(float)
    top = float(np.nanmax(values)) if np.isfinite(values).any() else 0.0
    scale = 1000.0 if field.rio.crs is not None and field.rio.crs.is_projected else 1.0
    west, south, east, north = (edge / scale for edge in field.rio.bounds())
    with chinese_figures():
        figure = Figure(figsize=(8.0, 6.4), layout="constrained")
        axes = figure.add_subplot()
        # The same square-root scale as on the map page.
        image = axes.imshow(
            values if field.y[0] > field.y[-1] else values[::-1],
            extent=(west, east, south, north),
            cmap=LinearSegmentedColormap.from_list("density", HEAT_RAMP),
            norm=PowerNorm(0.5, vmin=0, vmax=top or 1.0),
            interpolation="nearest",
        )
        if boundary is not None and len(boundary):
            _outline(axes, boundary, field.rio.crs, scale)
        figure.colorbar(image, ax=axes, label=label("figure", "heatmap", language), shrink=0.85)
        _frame(axes, label("analysis", "heatmap", language), language, projected=scale > 1, note=note)
        return _save(figure, path)


def draw_grid(
    path: Path,
    grid: gpd.GeoDataFrame,
    *,
    boundary: gpd.GeoDataFrame | None = None,
    language: Language = "zh",
    note: str = "",
) -> Path:
    """Draw the four-colour grid as a PNG with its legend.

    Parameters
    ----------
    path : Path
    grid : GeoDataFrame
        Column ``colour``; any CRS.
    boundary : GeoDataFrame, optional
    language : {"zh", "en"}
    note : str
    """
    from matplotlib.figure import Figure
    from matplotlib.patches import Patch

    projected = bool(grid.crs is not None and grid.crs.is_projected)
    scale = 1000.0 if projected else 1.0
    with chinese_figures():
        figure = Figure(figsize=(8.0, 6.4), layout="constrained")
        axes = figure.add_subplot()
        handles = []
        for name, colour in COLOURS.items():
            cells = grid[grid["colour"] == name]
            text = f"{label('colour', name, language)}  {len(cells)}"
            handles.append(Patch(facecolor=colour, edgecolor="white", label=text))
            if len(cells):
                _scaled(cells, scale).plot(ax=axes, facecolor=colour, edgecolor="white", linewidth=0.3, aspect=None)
        if boundary is not None and len(boundary):
            _outline(axes, boundary, grid.crs, scale)
        axes.set_aspect("equal" if projected else 1 / np.cos(np.radians(np.mean(axes.get_ylim()))))
        figure.legend(handles=handles, loc="outside lower center", ncols=len(handles), frameon=False)
        _frame(axes, label("figure", "grid", language), language, projected=projected, note=note)
        return _save(figure, path)


def draw_site(path: Path, site: Any, *, language: Language = "zh") -> Path:
    """Draw a site's mesh from the south-west, coloured by deformation, by what was seen, or by height.

    Parameters
    ----------
    path : Path
    site : SiteResult
    language : {"zh", "en"}
    """
    from matplotlib.cm import ScalarMappable
    from matplotlib.figure import Figure
    from matplotlib.patches import Patch

    from sxrisk.surfaces import simplify

    mesh = simplify(site.mesh, _PICTURE_TRIANGLES)
    rgb, scale = _mesh_colours(mesh)
    picture = _render(mesh, rgb)
    with chinese_figures():
        figure = Figure(figsize=(7.6, 4.6), layout="constrained")
        axes = figure.add_subplot()
        axes.imshow(picture)
        axes.set_axis_off()
        axes.set_title(site.name or site.site_id, fontsize=11, loc="left", parse_math=False)
        if scale is None:
            handles = [Patch(color=_SEEN[1], label=label("scene", "seen_measured", language))]
            handles.append(Patch(color=_SEEN[0], label=label("scene", "seen_bridged", language)))
            axes.legend(handles=handles, loc="lower left", frameon=False)
        else:
            name, norm, cmap = scale
            figure.colorbar(
                ScalarMappable(norm, cmap),
                ax=axes,
                shrink=0.7,
                label=label("figure", name, language),
                fraction=0.05,
                extend="both" if name == "deformation" else "neither",
            )
            if name == "deformation":
                handles = [
                    Patch(color=_BELOW_LOD, label=label("scene", "below_lod", language)),
                    Patch(color=_NOT_COMPUTED, label=label("scene", "not_computed", language)),
                ]
                axes.legend(handles=handles, loc="lower left", frameon=False)
        return _save(figure, path)


def _mesh_colours(mesh: Any) -> tuple[npt.NDArray[np.uint8], tuple[str, Any, Any] | None]:
    """Colours (n, 3) of the vertices, and name, norm and colour map of the scale; None for seen and bridged."""
    from matplotlib.colors import LinearSegmentedColormap, Normalize, to_rgb

    fields: Mapping[str, npt.NDArray[Any]] = mesh.vertex_fields
    if "change_m" in fields:
        change_mm = np.asarray(fields["change_m"], dtype=float) * 1000
        significant = np.asarray(fields.get("significant", np.ones(len(change_mm)))) > 0
        moving = np.abs(change_mm[np.isfinite(change_mm) & significant])
        # As in the scene: most of the moving ground sets the range, a rockfall may lie beyond it.
        limit = max(1.25 * float(np.percentile(moving, 75)) if len(moving) else 0.0, 5.0)
        cmap, norm = LinearSegmentedColormap.from_list("change", _CHANGE_RAMP), Normalize(-limit, limit)
        rgb = cmap(norm(np.nan_to_num(change_mm)))[:, :3]
        rgb[~significant] = to_rgb(_BELOW_LOD)
        rgb[~np.isfinite(change_mm)] = to_rgb(_NOT_COMPUTED)
        return (rgb * 255).astype(np.uint8), ("deformation", norm, cmap)
    if "seen" in fields:
        palette = np.array([to_rgb(colour) for colour in _SEEN])
        return (palette[(np.asarray(fields["seen"]) > 0).astype(int)] * 255).astype(np.uint8), None
    height = np.asarray(mesh.vertices)[:, 2]
    cmap, norm = LinearSegmentedColormap.from_list("height", _ELEVATION_RAMP), Normalize(height.min(), height.max())
    return (cmap(norm(height))[:, :3] * 255).astype(np.uint8), ("elevation", norm, cmap)


def _render(mesh: Any, rgb: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    from sxrisk.surfaces._vtk import load_pyvista

    pv = load_pyvista()
    vertices = np.asarray(mesh.vertices)
    surface = pv.PolyData.from_regular_faces(vertices - vertices.mean(axis=0), mesh.faces)
    surface.point_data["rgb"] = rgb
    plotter = pv.Plotter(off_screen=True, window_size=(1200, 760), lighting="three lights")
    plotter.set_background("white")
    plotter.add_mesh(surface, scalars="rgb", rgb=True, smooth_shading=True, ambient=0.35, diffuse=0.7, specular=0.0)
    plotter.camera_position = [(-0.42, -0.74, 0.62), (0, 0, 0), (0, 0, 1)]
    plotter.reset_camera()
    plotter.camera.zoom(1.25)
    picture = plotter.screenshot(return_img=True)
    plotter.close()
    return np.asarray(picture)


def _scaled(frame: gpd.GeoDataFrame, scale: float) -> gpd.GeoSeries:
    return frame.geometry.affine_transform([1 / scale, 0, 0, 1 / scale, 0, 0])


def _outline(axes: Any, boundary: gpd.GeoDataFrame, crs: Any, scale: float) -> None:
    from pyproj import CRS

    moved = move_geometries(boundary.geometry.to_numpy(), boundary.crs, CRS.from_user_input(crs))
    _scaled(gpd.GeoDataFrame(geometry=moved), scale).boundary.plot(ax=axes, color="#3a4652", linewidth=0.7, aspect=None)


def _frame(axes: Any, title: str, language: Language, *, projected: bool, note: str) -> None:
    axes.set_title(title, loc="left", parse_math=False)
    axes.set_xlabel(label("figure", "easting" if projected else "longitude", language))
    axes.set_ylabel(label("figure", "northing" if projected else "latitude", language))
    axes.ticklabel_format(useOffset=False, style="plain")
    if note:
        axes.figure.suptitle(note, fontsize=8, color="#4a5866", x=0.99, ha="right", parse_math=False)


def _save(figure: Any, path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=_DPI, metadata={"Software": None})
    return path
