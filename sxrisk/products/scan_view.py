"""Clouds and meshes in one HTML file that opens without a network, coloured by any of their values."""

import base64
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

import numpy as np

from sxrisk.errors import GeometryError, ParameterError
from sxrisk.products.assets import content_policy, data_script, fill_template, vendor_text, web_text
from sxrisk.products.atomic import replaced_whole
from sxrisk.products.fonts import subset_woff
from sxrisk.products.page import font_face
from sxrisk.products.page_data import strings_in
from sxrisk.products.scene import convergence_deg, crs_name
from sxrisk.products.text import check_language, text_catalogue
from sxrisk.products.view_data import Shown, field_facts, mesh_shown, thinned
from sxrisk.scans.cloud import Cloud
from sxrisk.scans.writing.outgoing import COLOURS
from sxrisk.surfaces import Mesh

__all__ = ["view_html"]

# Beyond this a browser takes long to open a page from the disk.
MAX_MEGABYTES = 50.0
MAX_POINTS = 1_000_000
MAX_TRIANGLES = 400_000
# Base64 writes three bytes as four.
BASE64 = 4.0 / 3.0
PAGE_BYTES = 1_500_000
_TEXTS = ("ui", "unit", "scene", "view", "point_class")


def view_html(
    items: Cloud | Mesh | Sequence[Cloud | Mesh] | Mapping[str, Cloud | Mesh],
    path: str | Path,
    *,
    language: str = "zh",
    title: str | None = None,
    max_points: int = MAX_POINTS,
    max_megabytes: float = MAX_MEGABYTES,
) -> Path:
    """Write clouds and meshes as one HTML file that opens offline and can be turned, coloured and read.

    The page colours by elevation, colour, intensity, classification or any attribute, with a legend of true numbers; a
    double click reads a point. Both languages are in it. Clouds of any size are thinned by voxel to what the page can
    hold; it says how many points it shows of how many.

    Parameters
    ----------
    items : Scan, TiledScan, Mesh, or a sequence or mapping of them
        What to show; the keys of a mapping are the names on the page. All in one coordinate system.
    path : str or Path
        The ``.html`` file.
    language : {"zh", "en"}
        What it opens in.
    title : str, optional
        Of the page; default the names of the items.
    max_points : int
        Points on the page, of all clouds together.
    max_megabytes : float
        Size of the page; wins over `max_points`.

    Returns
    -------
    Path

    Raises
    ------
    GeometryError
        If there is nothing to show.
    ParameterError
        If the items are in different coordinate systems, or the limits leave no room for data.
    OutputError
        If the file cannot be written.

    Examples
    --------
    >>> import tempfile
    >>> import sxrisk as sx
    >>> scan = sx.Scan([[0.0, 0.0, 5.0], [1.0, 0.0, 6.0]], attributes={"intensity": [10, 20]})
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     view_html(scan, f"{folder}/view.html", language="en").stat().st_size < 1_500_000
    True
    """
    opened = check_language(language)
    named = _named(items)
    shown = _shown(list(named.values()), max_points, max_megabytes)
    low = np.min([item.box[0] for item in shown], axis=0)
    high = np.max([item.box[1] for item in shown], axis=0)
    origin = np.round((low + high) / 2.0, 1)
    crs = next((item.crs for item in named.values() if item.crs is not None), None)
    vertical = next((v for item in named.values() if (v := getattr(item, "vertical_crs", None)) is not None), None)
    heading = title or " · ".join(named)
    texts = text_catalogue()
    data: dict[str, Any] = {
        "meta": {
            "title": heading,
            "language": opened,
            "origin": origin.tolist(),
            "low": low.tolist(),
            "high": high.tolist(),
            "crs": " + ".join(filter(None, (crs_name(crs), crs_name(vertical)))),
            "convergence_deg": convergence_deg(crs, origin),
            "elevation": [*_elevation_range(shown), float(low[2]), float(high[2])],
        },
        "text": {group: texts[group] for group in _TEXTS},
        "fields": dict(field_facts(shown)),
        "items": [
            {**item.payload(origin), "name": name, **_facts(named[name])}
            for name, item in zip(named, shown, strict=True)
        ],
    }
    font = f"data:font/woff;base64,{base64.b64encode(subset_woff(strings_in(data))).decode()}"
    scripts = [_inline(vendor_text("three.bundle.js")), _inline(web_text("stage.js"))]
    scripts += [data_script(name, value) for name, value in data.items()]
    scripts.append(_inline(web_text("view.js")))
    page = fill_template(
        web_text("view.html"),
        {
            "lang": "zh-CN" if opened == "zh" else "en",
            "policy": content_policy(scripts),
            "title": escape(heading),
            "styles": f"<style>{font_face(font)}{web_text('scene.css')}</style>",
            "scripts": "\n".join(f"<script>{script}</script>" for script in scripts),
        },
    )
    target = Path(path)
    with replaced_whole(target) as part:
        part.write_bytes(page.encode())
    return target


def _named(items: Any) -> dict[str, Cloud | Mesh]:
    if isinstance(items, Mapping):
        named = {str(name): item for name, item in items.items()}
    else:
        several = [items] if isinstance(items, (Mesh, Cloud)) else list(items)
        named = {}
        for number, item in enumerate(several, start=1):
            own = getattr(item, "source", "") or ("mesh" if isinstance(item, Mesh) else "cloud")
            named[own if own not in named else f"{own} ({number})"] = item
    if not named:
        raise GeometryError("there is nothing to show", expected="at least one cloud or mesh")
    for name, item in named.items():
        if not (len(item.faces) if isinstance(item, Mesh) else item.n_points):
            raise GeometryError("it has no points and no faces", where=name)
    systems = {name: item.crs for name, item in named.items() if item.crs is not None}
    plans = [_plan(crs) for crs in systems.values()]
    other = next((name for name, plan in zip(systems, plans, strict=True) if plan != plans[0]), None)
    if other is not None:
        raise ParameterError(
            f"it is in {crs_name(systems[other])}, the others are in {crs_name(next(iter(systems.values())))}",
            where=other,
            expected="one coordinate system on a page",
            remedy="Bring them together with scan.to_crs",
        )
    return named


def _plan(crs: Any) -> Any:
    return crs.sub_crs_list[0] if crs.is_compound else crs


def _shown(items: list[Cloud | Mesh], max_points: int, max_megabytes: float) -> list[Shown]:
    """Every item, cut down so that all together keep the limits."""
    clouds = [item for item in items if not isinstance(item, Mesh)]
    n_meshes = len(items) - len(clouds)
    room = max_megabytes * 1e6 - PAGE_BYTES
    meshes = {id(m): mesh_shown(m, MAX_TRIANGLES // n_meshes) for m in items if isinstance(m, Mesh)}
    room -= sum(_bytes_a_place(s) * len(s.places) + 12.0 * BASE64 * s.count for s in meshes.values())
    total = sum(cloud.n_points for cloud in clouds)
    shown: list[Shown] = []
    for item in items:
        if isinstance(item, Mesh):
            shown.append(meshes[id(item)])
            continue
        share = item.n_points / total
        probe = max(1, round(max_points * share))
        # Position and colour take 15 bytes, a value 4; times may take 8.
        values = sum(8.0 if name == "gps_time" else 4.0 for name in item.attribute_names if name not in COLOURS)
        width = BASE64 * (15.0 + values)
        most = min(probe, int(room * share / width))
        if most < 1:
            raise ParameterError(
                f"{max_megabytes:g} MB leave no room for points", where="max_megabytes", expected="a larger page"
            )
        shown.append(thinned(item, most))
    if room < 0:
        raise ParameterError(
            f"the meshes alone take more than {max_megabytes:g} MB", where="max_megabytes", expected="a larger page"
        )
    return shown


def _bytes_a_place(item: Shown) -> float:
    return BASE64 * (15.0 + 4.0 * len(item.fields))


def _elevation_range(shown: list[Shown]) -> list[float]:
    heights = np.concatenate([item.places[:, 2] for item in shown])
    return [float(v) for v in np.percentile(heights, [1.0, 99.0])]


def _facts(item: Any) -> dict[str, Any]:
    epoch, stations = getattr(item, "epoch", None), getattr(item, "stations", None)
    return {
        "kind": "mesh" if isinstance(item, Mesh) else "cloud",
        "epoch": None if epoch is None else epoch.isoformat()[:16].replace("T", " "),
        "stations": 0 if stations is None else len(stations),
    }


def _inline(script: str) -> str:
    return script.replace("</script", "<\\/script").replace("<!--", "<\\!--")
