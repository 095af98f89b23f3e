"""The page of a scanned site: its mesh in three dimensions, coloured by what was measured."""

import base64
import hashlib
import math
import re
from collections.abc import Iterable, Mapping
from html import escape
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from sxrisk.crs import GEOGRAPHIC_EPSG, plan_transform
from sxrisk.products.assets import content_policy, data_script, fill_template, vendor_text, web_text
from sxrisk.products.page import font_face, write_files
from sxrisk.products.site_rows import measurement_rows, telling_rows
from sxrisk.products.text import Language, text_catalogue

__all__ = [
    "convergence_deg",
    "crs_name",
    "encoded",
    "scene_data",
    "site_card",
    "site_folder",
    "site_place",
    "write_scene",
    "write_scene_assets",
]

# About 60 bytes a vertex in the page: this keeps a site under 10 MB.
MAX_TRIANGLES = 240_000
_FIELDS = ("change_m", "lod95_m", "significant", "elevation_m", "seen")
_TEXTS = ("ui", "kind", "metric", "unit", "scene", "summary", "summary_value", "mesh", "body")
_SUMMARY_ROWS = 60
# Said elsewhere on the page, or of no use to a reader.
_NOT_SHOWN = ("site_id", "kind", "name", "crs", "bodies", "origin", "stability")


def site_folder(site_id: str) -> str:
    """A folder name for a site, whatever its id holds.

    Examples
    --------
    >>> site_folder("pit-01"), site_folder("../x")[:2], site_folder("采空区1")
    ('pit-01', 'x-', '采空区1')
    """
    clean = re.sub(r"[^\w.-]+", "-", site_id).strip(".-")[:60]
    if clean and clean == site_id:
        return clean
    return f"{clean or 'site'}-{hashlib.sha256(site_id.encode()).hexdigest()[:8]}"


def site_place(site: Any) -> tuple[float | None, float | None]:
    """Longitude and latitude of the middle of a site's mesh; None where its CRS is unknown."""
    from pyproj import CRS

    if site.crs is None or not len(site.mesh.vertices):
        return None, None
    crs = CRS.from_user_input(site.crs)
    if not (crs.is_projected or crs.is_geographic or crs.is_compound):
        return None, None
    x, y = _middle(site.mesh)[:2]
    lon, lat = (float(value) for value in plan_transform(crs, GEOGRAPHIC_EPSG)(x, y))
    return (round(lon, 6), round(lat, 6)) if math.isfinite(lon) and math.isfinite(lat) else (None, None)


def site_card(site: Any, folder: str, names: Mapping[str, str] | None = None) -> dict[str, Any]:
    """What the map's front page says about a site.

    Parameters
    ----------
    site : SiteResult
    folder : str
        Name of its folder under ``sites/``.
    names : mapping, optional
        Its name in ``zh`` and ``en``.

    Returns
    -------
    dict
        ``id``, ``kind``, ``name``, ``lon``, ``lat``, ``href`` and ``facts``: the measurements that tell most.
    """
    lon, lat = site_place(site)
    return {
        "id": site.site_id,
        "kind": site.kind,
        "name": _names(site, names),
        "lon": lon,
        "lat": lat,
        "href": f"sites/{site_folder(folder)}/scene.html",
        "facts": telling_rows(site),
    }


def _names(site: Any, names: Mapping[str, str] | None) -> dict[str, str]:
    own = site.name or site.site_id
    return {language: (names or {}).get(language) or own for language in ("zh", "en")}


def write_scene_assets(out: Path) -> list[Path]:
    """Write what all scenes share into ``assets/``; the font is the map page's.

    Parameters
    ----------
    out : Path
        Folder of the pack.
    """
    return write_files(
        out,
        {
            "assets/three.bundle.js": vendor_text("three.bundle.js"),
            "assets/stage.js": web_text("stage.js"),
            "assets/scene.js": web_text("scene.js"),
            "assets/scene.css": font_face("sxrisk-sans.woff") + web_text("scene.css"),
        },
    )


def write_scene(out: Path, folder: str, data: Mapping[str, Any]) -> list[Path]:
    """Write ``sites/<folder>/scene.html`` and its data.

    Parameters
    ----------
    out : Path
        Folder of the pack; :func:`write_scene_assets` has to be called for it too.
    folder : str
        Name of the site; made safe by :func:`site_folder`.
    data : mapping
        Of :func:`scene_data`.
    """
    place = f"sites/{site_folder(folder)}"
    scripts = [
        "../../assets/three.bundle.js",
        "../../assets/stage.js",
        "scene-data.js",
        "../../assets/scene.js",
    ]
    page = fill_template(
        web_text("scene.html"),
        {
            "lang": "zh-CN" if data["meta"]["language"] == "zh" else "en",
            "policy": content_policy(),
            "title": escape(str(data["meta"]["name"])),
            "scripts": "\n".join(f'<script src="{name}"></script>' for name in scripts),
        },
    )
    script = "".join(data_script(name, value) for name, value in data.items())
    return write_files(out, {f"{place}/scene.html": page, f"{place}/scene-data.js": script})


def scene_data(
    site: Any, *, names: Mapping[str, str] | None = None, as_of: str, synthetic: bool, language: Language
) -> dict[str, Any]:
    """What a scene reads: meshes as float32 offsets from a local origin, measurements, summary, words.

    Parameters
    ----------
    site : SiteResult
    names : mapping, optional
        Its name in ``zh`` and ``en``.
    as_of : str
        Date of the assessment.
    synthetic : bool
        Whether to mark the page as made from synthetic data.
    language : {"zh", "en"}
        What the page opens in.
    """
    from sxrisk.surfaces import simplify

    origin = np.round(_middle(site.mesh), 1)
    mesh = simplify(site.mesh, MAX_TRIANGLES)
    meshes = [_mesh_payload("mesh", mesh, origin)]
    meshes += [
        _mesh_payload(name, simplify(extra, MAX_TRIANGLES // 4), origin)
        for name, extra in sorted(site.extra_meshes.items())
    ]
    change = site.change
    meta = {
        "id": site.site_id,
        "name": _names(site, names),
        "kind": site.kind,
        "as_of": as_of,
        "synthetic": synthetic,
        "language": language,
        "origin": origin.tolist(),
        "convergence_deg": convergence_deg(site.crs, origin),
        "crs": crs_name(site.crs),
        "triangles": len(mesh.faces),
        "triangles_total": len(site.mesh.faces),
        "change": None
        if change is None
        else {
            "registration_unknown": bool(change.registration_unknown),
            "registration_sigma_m": float(change.registration_sigma_m or 0.0),
        },
    }
    texts = text_catalogue()
    return {
        "meta": meta,
        "text": {group: texts[group] for group in _TEXTS},
        "meshes": meshes,
        "measurements": measurement_rows(site),
        "summary": [[key, value] for key, value in _flat(site.summary)][:_SUMMARY_ROWS],
    }


def _mesh_payload(name: str, mesh: Any, origin: npt.NDArray) -> dict[str, Any]:
    fields = {key: mesh.vertex_fields[key] for key in _FIELDS if key in mesh.vertex_fields}
    return {
        "name": name,
        "n": len(mesh.vertices),
        "positions": encoded(mesh.vertices - origin, "<f4"),
        "indices": encoded(mesh.faces, "<u4"),
        "fields": {key: encoded(values, "<f4") for key, values in fields.items()},
    }


def encoded(values: npt.ArrayLike, kind: str) -> str:
    """The bytes of an array of a NumPy type as base64, for a page's script."""
    return base64.b64encode(np.ascontiguousarray(values, dtype=kind).tobytes()).decode()


def _middle(mesh: Any) -> npt.NDArray:
    if not len(mesh.vertices):
        return np.zeros(3)
    return (mesh.vertices.min(axis=0) + mesh.vertices.max(axis=0)) / 2


def convergence_deg(crs: Any, origin: npt.NDArray) -> float:
    """Angle from true north to grid north, positive clockwise; 0 where the CRS has no map projection."""
    from pyproj import CRS, Proj

    if crs is None:
        return 0.0
    horizontal = CRS.from_user_input(crs).to_2d()
    if not horizontal.is_projected:
        return 0.0
    projection = Proj(horizontal)
    lon, lat = projection(origin[0], origin[1], inverse=True)
    angle = float(projection.get_factors(lon, lat).meridian_convergence)
    return round(angle, 4) if math.isfinite(angle) else 0.0


def crs_name(crs: Any) -> str:
    """Name and code of a coordinate system, empty where it is unknown."""
    from pyproj import CRS

    if crs is None:
        return ""
    parsed = CRS.from_user_input(crs)
    authority = parsed.to_authority()
    return f"{parsed.name} ({':'.join(authority)})" if authority else parsed.name


def _flat(value: Any, prefix: str = "") -> Iterable[tuple[str, Any]]:
    if isinstance(value, Mapping):
        for key, item in value.items():
            if key not in _NOT_SHOWN:
                yield from _flat(item, f"{prefix}.{key}" if prefix else str(key))
    elif isinstance(value, (list, tuple)) and any(isinstance(item, Mapping) for item in value):
        for position, item in enumerate(value, start=1):
            yield from _flat(item, f"{prefix}.{position}")
    elif isinstance(value, (list, tuple)):
        yield prefix, "; ".join(str(item) for item in value)
    elif isinstance(value, (bool, np.bool_)):
        yield prefix, bool(value)
    elif value is None:
        return
    elif isinstance(value, (int, float, np.number)):
        number = float(value)
        yield prefix, float(f"{number:.6g}") if math.isfinite(number) else "–"
    else:
        yield prefix, str(value)
