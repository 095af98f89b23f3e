"""The map page: what goes into it, as a folder of scripts or as one file."""

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from pathlib import Path
from typing import Any

import geopandas as gpd
import pandas as pd
import xarray as xr

from sxrisk.crs import to_geographic
from sxrisk.findings import findings_frame
from sxrisk.products.assets import content_policy, data_script, fill_template, json_for_script, vendor_text, web_text
from sxrisk.products.fonts import FONT_FAMILY, subset_woff
from sxrisk.products.imagery import HEAT_RAMP, heatmap_image, hillshade_image
from sxrisk.products.kinds import COLOURS
from sxrisk.products.page_data import (
    bounds_of,
    colour_counts,
    findings_payload,
    grid_geojson,
    layer_payload,
    not_checked_payload,
    quality_payload,
    reasons_payload,
    rules_payload,
    strings_in,
    table_payload,
)
from sxrisk.products.text import Language, text_catalogue

__all__ = ["MapPage", "font_face", "map_page", "page_in_one_file", "write_files", "write_page"]

_OWN_SCRIPTS = ("core.js", "table.js", "map.js", "panel.js", "app.js")
_VENDOR_SCRIPTS = ("maplibre-gl.js", "pmtiles.js")
_PAGE_TEXTS = (
    "ui", "colour", "colour_short", "status", "status_note", "effect", "evidence", "hazard_grade", "column",
    "kind", "group", "analysis", "metric", "phrase", "limit", "unit", "figure", "report", "attribute",
    "reject_reason", "value", "body", "detail", "result", "change", "treatment", "severity", "sheet",
)  # fmt: skip
_FONT_FACE = '@font-face {{ font-family: "{family}"; src: url("{url}") format("woff"); font-display: block; }}\n'


@dataclass
class MapPage:
    """The data of a map page by name, and the font that draws them.

    Parameters
    ----------
    language : {"zh", "en"}
        The language it opens in.
    title : str
        Of the browser's tab.
    data : dict
        What the page reads, by name.
    font : bytes
        WOFF with every character of the page.
    """

    language: Language
    title: str
    data: dict[str, Any]
    font: bytes = field(repr=False)


def map_page(
    layers: Mapping[str, gpd.GeoDataFrame],
    findings: gpd.GeoDataFrame | None,
    *,
    title: Mapping[str, str],
    language: Language,
    as_of: str,
    synthetic: bool = False,
    catalogue: Any = None,
    heatmap: xr.DataArray | None = None,
    grid: gpd.GeoDataFrame | None = None,
    dem: xr.DataArray | None = None,
    layer_titles: Mapping[str, Mapping[str, str]] | None = None,
    sites: Sequence[Mapping[str, Any]] = (),
    documents: Sequence[Mapping[str, str]] = (),
    tables: Mapping[str, pd.DataFrame | None] | None = None,
    changes: pd.DataFrame | None = None,
    sources: Sequence[str] = (),
) -> MapPage:
    """Everything a map page shows.

    Parameters
    ----------
    layers : mapping of str to GeoDataFrame
        Canonical layers by id, EPSG:4490.
    findings : GeoDataFrame or None
        In the findings schema.
    title : mapping
        ``zh`` and ``en``.
    language : {"zh", "en"}
        What it opens in; both are in it.
    as_of : str
        Date of the assessment; empty where there is none.
    synthetic : bool
        Whether to mark it as made from synthetic data.
    catalogue : Catalogue, optional
        For titles and clause texts.
    heatmap, dem : DataArray, optional
        Weight per square kilometre; terrain in metres.
    grid : GeoDataFrame, optional
        Cells with ``colour``, ``score`` and ``n_findings``.
    layer_titles : mapping, optional
        ``zh`` and ``en`` by layer id, where the kind's name is not enough.
    sites, documents : sequence of mapping
        See :func:`sxrisk.products.scene.site_card` and :func:`sxrisk.products.pack.write_pack`.
    tables : mapping, optional
        ``not_checked``, ``rejects`` and ``quality``.
    changes : DataFrame, optional
        The comparison with the last run.
    sources : sequence of str
        Lines on where the data come from.
    """
    found = findings_frame([]) if findings is None else findings
    payloads = []
    for number, (layer_id, frame) in enumerate(layers.items()):
        payload = layer_payload(layer_id, frame)
        payload["number"] = number
        payload["title"] = dict((layer_titles or {}).get(layer_id, {})) or None
        payloads.append(payload)
    grid_lonlat = None if grid is None else to_geographic(grid)
    images: dict[str, Any] = {}
    if dem is not None:
        images["hillshade"] = hillshade_image(dem)
    if heatmap is not None:
        images["heatmap"] = heatmap_image(heatmap)
    boundary = [layers[entry["id"]] for entry in payloads if entry["kind"] == "boundary"]
    meta = {
        "title": dict(title),
        "as_of": as_of,
        "synthetic": synthetic,
        "language": language,
        "colours": COLOURS,
        "counts": colour_counts(found),
        "bounds": bounds_of(boundary) or bounds_of([*layers.values(), found]),
        "sites": list(sites),
        "documents": list(documents),
        "sources": list(sources),
        "changes": None if changes is None else changes["change"].astype(str).value_counts().to_dict(),
        # Two washes of colour over each other hide both: the grid waits until it is asked for.
        "hidden": ["a-grid"] if heatmap is not None else [],
    }
    texts = text_catalogue()
    unchecked = (tables or {}).get("not_checked")
    rule_ids, reason_codes = set(found["rule_id"]), {code for codes in found["reasons"] for code in codes.split()}
    if unchecked is not None:
        rule_ids |= set(unchecked["rule_id"].astype(str))
        reason_codes |= set(unchecked["reason"].astype(str))
    data: dict[str, Any] = {
        "meta": meta,
        "text": {group: texts[group] for group in _PAGE_TEXTS} | {"reason": reasons_payload(catalogue, reason_codes)},
        "rules": rules_payload(catalogue, sorted(rule_ids)),
        "findings": findings_payload(found),
        "images": {
            name: {"data_uri": image.data_uri, "corners": image.corners, "legend": image.legend}
            for name, image in images.items()
        },
        "grid": None if grid_lonlat is None else grid_geojson(grid_lonlat),
        **_lists(tables or {}, layer_titles or {}),
        "layers": payloads,
    }
    return MapPage(language, title[language], data, subset_woff(strings_in(data)))


def _lists(
    tables: Mapping[str, pd.DataFrame | None], titles: Mapping[str, Mapping[str, str]]
) -> dict[str, dict[str, Any]]:
    lists = {}
    for name, table in tables.items():
        if name == "not_checked":
            lists[name] = not_checked_payload(table)
        else:
            lists[name] = quality_payload(table, titles) if name == "quality" else table_payload(table)
    return lists


def write_page(page: MapPage, out: Path) -> list[Path]:
    """Write a page as ``index.html`` with ``assets/`` and ``data/`` beside it.

    Parameters
    ----------
    page : MapPage
    out : Path
        An existing folder.

    Returns
    -------
    list of Path
        What was written.
    """
    files: dict[str, str | bytes] = {
        f"assets/{name}": vendor_text(name) for name in (*_VENDOR_SCRIPTS, "maplibre-gl.css")
    }
    files |= {f"assets/{name}": web_text(name) for name in _OWN_SCRIPTS}
    files["assets/sxrisk-sans.woff"] = page.font
    files["assets/app.css"] = font_face("sxrisk-sans.woff") + _style_sheet()
    data_files = {}
    for name, value in page.data.items():
        if name != "layers":
            data_files[f"data/{name}.js"] = data_script(name, value)
    # A layer a file: none grows beyond what a browser reads at once.
    data_files["data/layers.js"] = data_script("layers", [])
    for payload in page.data["layers"]:
        data_files[f"data/layer-{payload['number']:03d}.js"] = (
            f"window.SXDATA.layers.push({json_for_script(payload)});\n"
        )
    files |= data_files
    scripts = [
        *(f"assets/{name}" for name in _VENDOR_SCRIPTS),
        *data_files,
        *(f"assets/{name}" for name in _OWN_SCRIPTS),
    ]
    files["index.html"] = fill_template(
        web_text("index.html"),
        {
            "lang": _html_lang(page.language),
            "title": escape(page.title),
            "policy": content_policy(),
            "styles": "\n".join(f'<link rel="stylesheet" href="assets/{name}.css">' for name in ("maplibre-gl", "app")),
            "scripts": "\n".join(f'<script src="{name}"></script>' for name in scripts),
        },
    )
    return write_files(out, files)


def page_in_one_file(page: MapPage) -> str:
    """A page as one HTML text, its scripts allowed by their hashes."""
    scripts = [_inline(vendor_text(name)) for name in _VENDOR_SCRIPTS]
    scripts += [data_script(name, value) for name, value in page.data.items()]
    scripts += [_inline(web_text(name)) for name in _OWN_SCRIPTS]
    font = f"data:font/woff;base64,{base64.b64encode(page.font).decode()}"
    styles = [vendor_text("maplibre-gl.css"), font_face(font) + _style_sheet()]
    return fill_template(
        web_text("index.html"),
        {
            "lang": _html_lang(page.language),
            "title": escape(page.title),
            "policy": content_policy(scripts),
            "styles": "\n".join(f"<style>{style}</style>" for style in styles),
            "scripts": "\n".join(f"<script>{script}</script>" for script in scripts),
        },
    )


def write_files(out: Path, files: Mapping[str, str | bytes]) -> list[Path]:
    """Write texts (UTF-8, Unix line ends) and bytes under a folder."""
    written = []
    for name, content in files.items():
        path = out / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        written.append(path)
    return written


def _style_sheet() -> str:
    return fill_template(web_text("app.css"), {"heat_ramp": ", ".join(HEAT_RAMP)})


def font_face(url: str) -> str:
    """CSS that names the shipped font at an address."""
    return _FONT_FACE.format(family=FONT_FAMILY, url=url)


def _html_lang(language: Language) -> str:
    return "zh-CN" if language == "zh" else "en"


def _inline(script: str) -> str:
    return script.replace("</script", "<\\/script").replace("<!--", "<\\!--")
