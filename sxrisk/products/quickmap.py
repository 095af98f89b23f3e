"""A quick folium map for a notebook that works without a network."""

import re
from collections.abc import Mapping
from html import escape
from pathlib import Path
from typing import Any

import folium
import geopandas as gpd
import shapely

from sxrisk.crs import to_geographic
from sxrisk.errors import CRSError, OutputError, ParameterError
from sxrisk.products.assets import vendor_text
from sxrisk.products.kinds import COLOURS, kind_style
from sxrisk.products.page_data import bounds_of, contents, representative_points
from sxrisk.products.text import check_language, finding_sentence, label

__all__ = ["OfflineMap", "embed_assets", "quick_map"]

# What folium links to, by the file's name; None: not needed by what these maps draw.
_VENDORED: Mapping[str, str | None] = {
    "leaflet.js": "leaflet.js",
    "leaflet.css": "leaflet.css",
    "jquery": "jquery.js",
    "bootstrap.bundle.min.js": "bootstrap.js",
    "bootstrap.min.css": "bootstrap.css",
    "leaflet.awesome-markers.js": "awesome-markers.js",
    "leaflet.awesome-markers.css": "awesome-markers.css",
    "bootstrap-glyphicons.css": None,
    "all.min.css": None,
    "leaflet.awesome.rotate.min.css": None,
}
_LINK = re.compile(
    r"""<script\s[^>]*src="(?P<script>https?://[^"]+)"[^>]*>\s*</script>|"""
    r"""<link\s[^>]*href="(?P<style>https?://[^"]+)"[^>]*/?>"""
)


class OfflineMap(folium.Map):
    """A folium map whose page holds all it needs."""

    about = ""

    def __repr__(self) -> str:
        about = f" of {self.about}" if self.about else ""
        return f"<OfflineMap{about}; save_offline(path) writes the page>"

    def to_html(self) -> str:
        """The page as one text, with every linked script and style sheet put in."""
        return embed_assets(self.get_root().render())

    def save_offline(self, path: str | Path) -> Path:
        """Write the page to a file that opens without a network.

        Parameters
        ----------
        path : str or Path

        Raises
        ------
        OutputError
            If it cannot be written.
        """
        target = Path(path)
        try:
            target.write_text(self.to_html(), encoding="utf-8", newline="\n")
        except OSError as error:
            raise OutputError("the map cannot be written", where=target, remedy=str(error)) from error
        return target

    def _repr_html_(self, **kwargs: Any) -> str:
        page = escape(self.to_html(), quote=True)
        return f'<iframe srcdoc="{page}" style="width:100%;height:520px;border:1px solid #d5dbe1"></iframe>'


def embed_assets(page: str) -> str:
    """A rendered folium page with its links to script servers replaced by the vendored text.

    Parameters
    ----------
    page : str
        What ``folium.Map.get_root().render()`` gives.

    Returns
    -------
    str

    Raises
    ------
    ParameterError
        If the page links to something that is not vendored, for example by a folium plugin.
    """

    def replaced(match: re.Match[str]) -> str:
        address = match["script"] or match["style"]
        name = address.rsplit("/", 1)[-1]
        key = "jquery" if name.startswith("jquery") else name
        if key not in _VENDORED:
            raise ParameterError(
                f"the map links to {address}",
                expected="only what folium's own map, markers and popups need",
                remedy="Leave the plugin out, or save the map with folium where there is a network",
            )
        vendored = _VENDORED[key]
        if vendored is None:
            return ""
        text = vendor_text(vendored)
        if match["script"]:
            return "<script>" + text.replace("</script", "<\\/script") + "</script>"
        return f"<style>{text}</style>"

    return _LINK.sub(replaced, page)


def quick_map(
    layers: Mapping[str, gpd.GeoDataFrame] | gpd.GeoDataFrame,
    findings: gpd.GeoDataFrame | None = None,
    *,
    language: str = "zh",
) -> OfflineMap:
    """A folium map of layers and findings, to extend with folium's own tools.

    Parameters
    ----------
    layers : mapping of str to GeoDataFrame, or GeoDataFrame
        Layers, in any known CRS, by the name that the map shows; where that is the code of a kind, the kind's own
        name is shown.
    findings : GeoDataFrame, optional
        In the findings schema; drawn in their colours, with their sentence as tooltip.
    language : {"zh", "en"}
        Of labels and sentences.

    Returns
    -------
    OfflineMap
        ``save_offline(path)`` writes a page that needs no network.

    Raises
    ------
    CRSError
        If a layer has no coordinate system, or one that cannot be placed on the earth.
    ParameterError
        If the language is neither.
    """
    chosen = check_language(language)
    given = {"layer": layers} if isinstance(layers, gpd.GeoDataFrame) else layers
    named = {layer_id: _geographic(frame, layer_id) for layer_id, frame in given.items()}
    if findings is not None:
        findings = _geographic(findings, "findings")
    shown = OfflineMap(location=[37.6, 112.3], zoom_start=7, tiles=None, prefer_canvas=True, attribution_control=False)
    for layer_id, frame in named.items():
        kind = str(frame["kind"].iloc[0]) if "kind" in frame and len(frame) else layer_id
        words = [str(name) for name in frame["name"]] if "name" in frame else [""] * len(frame)
        style = kind_style(kind)
        # A single frame has no name but its kind's.
        title = label("kind", kind if isinstance(layers, gpd.GeoDataFrame) else layer_id, chosen)
        _add(shown, frame, escape(title), [style.colour] * len(frame), words, style.group != "base")
    if findings is not None:
        rows = findings.drop(columns="geometry").to_dict("records")
        colours = [COLOURS.get(row["colour"], "#777777") for row in rows]
        _add(
            shown,
            findings,
            label("analysis", "findings", chosen),
            colours,
            [finding_sentence(row, chosen) for row in rows],
            marked=True,
        )
    shown.about = contents(named, findings)
    box = bounds_of([*named.values(), *([] if findings is None else [findings])])
    if box is not None:
        west, south, east, north = box
        shown.fit_bounds([[south, west], [north, east]])
    folium.LayerControl().add_to(shown)
    return shown


def _geographic(frame: gpd.GeoDataFrame, layer_id: str) -> gpd.GeoDataFrame:
    try:
        return to_geographic(frame)
    except CRSError as error:
        problem = error.problem
        raise CRSError(problem.what, where=layer_id, expected=problem.expected, remedy=problem.remedy) from error


def _add(
    shown: folium.Map,
    frame: gpd.GeoDataFrame,
    title: str,
    colours: list[str],
    words: list[str],
    filled: bool = True,
    *,
    marked: bool = False,
) -> None:
    """Draw a frame; `marked` draws strong lines and puts a marker on every feature, however small."""
    shapes = shapely.set_precision(shapely.force_2d(frame.geometry.to_numpy()), 1e-6, mode="pointwise")
    if marked:
        points = shapely.points(representative_points(frame.geometry))
        more = shapely.get_type_id(shapes) > 0
        shapes, colours, words = (
            [*values, *(value for value, drawn in zip(extra, more, strict=True) if drawn)]
            for values, extra in ((shapes, points), (colours, colours), (words, words))
        )
    features = [
        # Leaflet shows tooltips as HTML: a name is escaped before it becomes one.
        {
            "type": "Feature",
            "geometry": shapely.geometry.mapping(shape),
            "properties": {
                "line": "#ffffff" if marked and shape.geom_type == "Point" else colour,
                "colour": colour,
                "weight": 2 if shape.geom_type == "Point" or not marked else 4,
                "text": escape(word[:400]),
                "opacity": 0.95 if marked and shape.geom_type == "Point" else 0.35 if filled else 0.0,
            },
        }
        for shape, colour, word in zip(shapes, colours, words, strict=True)
        if shape is not None and not shape.is_empty
    ]
    if not features:
        return
    folium.GeoJson(
        {"type": "FeatureCollection", "features": features},
        name=title,
        marker=folium.CircleMarker(radius=7 if marked else 5, weight=1, fill=True, fill_opacity=0.85),
        style_function=_style,
        tooltip=folium.GeoJsonTooltip(["text"], labels=False),
    ).add_to(shown)


def _style(feature: Mapping[str, Any]) -> dict[str, Any]:
    look = feature["properties"]
    return {
        "color": look["line"], "fillColor": look["colour"], "weight": look["weight"], "fillOpacity": look["opacity"]
    }  # fmt: skip
