"""A quick folium map for a notebook that works without a network."""

import re
from collections.abc import Mapping
from html import escape
from pathlib import Path
from typing import Any

import folium
import geopandas as gpd
import shapely

from sxrisk.errors import OutputError, ParameterError
from sxrisk.products.assets import vendor_text
from sxrisk.products.kinds import COLOURS, kind_style
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
        Layers by id, in any known CRS.
    findings : GeoDataFrame, optional
        In the findings schema; drawn in their colours, with their sentence as tooltip.
    language : {"zh", "en"}
        Of labels and sentences.

    Returns
    -------
    OfflineMap
        ``save_offline(path)`` writes a page that needs no network.
    """
    chosen = check_language(language)
    named = {"layer": layers} if isinstance(layers, gpd.GeoDataFrame) else layers
    shown = OfflineMap(location=[37.6, 112.3], zoom_start=7, tiles=None, prefer_canvas=True, attribution_control=False)
    for layer_id, frame in named.items():
        kind = str(frame["kind"].iloc[0]) if "kind" in frame and len(frame) else layer_id
        words = [str(name) for name in frame["name"]] if "name" in frame else [""] * len(frame)
        style = kind_style(kind)
        _add(
            shown, frame, escape(label("kind", kind, chosen)), [style.colour] * len(frame), words, style.group != "base"
        )
    if findings is not None:
        rows = findings.drop(columns="geometry").to_dict("records")
        colours = [COLOURS.get(row["colour"], "#777777") for row in rows]
        _add(
            shown,
            findings,
            label("analysis", "findings", chosen),
            colours,
            [finding_sentence(row, chosen) for row in rows],
        )
    frames = [*named.values(), *([] if findings is None else [findings])]
    boxes = [frame.to_crs(4326).total_bounds for frame in frames if len(frame)]
    if boxes:
        west, south = (min(box[i] for box in boxes) for i in (0, 1))
        east, north = (max(box[i] for box in boxes) for i in (2, 3))
        shown.fit_bounds([[south, west], [north, east]])
    folium.LayerControl().add_to(shown)
    return shown


def _add(
    shown: folium.Map, frame: gpd.GeoDataFrame, title: str, colours: list[str], words: list[str], filled: bool = True
) -> None:
    shapes = shapely.set_precision(shapely.force_2d(frame.to_crs(4326).geometry.to_numpy()), 1e-6, mode="pointwise")
    features = [
        # Leaflet shows tooltips as HTML: a name is escaped before it becomes one.
        {
            "type": "Feature",
            "geometry": shapely.geometry.mapping(shape),
            "properties": {"colour": colour, "text": escape(word[:400]), "opacity": 0.35 if filled else 0.0},
        }
        for shape, colour, word in zip(shapes, colours, words, strict=True)
        if shape is not None and not shape.is_empty
    ]
    if not features:
        return
    folium.GeoJson(
        {"type": "FeatureCollection", "features": features},
        name=title,
        marker=folium.CircleMarker(radius=5, weight=1, fill=True, fill_opacity=0.85),
        style_function=_style,
        tooltip=folium.GeoJsonTooltip(["text"], labels=False),
    ).add_to(shown)


def _style(feature: Mapping[str, Any]) -> dict[str, Any]:
    colour = feature["properties"]["colour"]
    return {"color": colour, "fillColor": colour, "weight": 2, "fillOpacity": feature["properties"]["opacity"]}
