"""A site's result as one npz and one JSON file, exact and without pickles."""

import json
import zipfile
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import numpy as np
import numpy.typing as npt
import pandas as pd
import pyproj
import xarray as xr
from shapely import from_wkb, to_wkb

from sxrisk.change import M3C2Result
from sxrisk.errors import FileFormatError, OutputError
from sxrisk.findings import GEOGRAPHIC_CRS, measurements_frame
from sxrisk.scans import whole_file
from sxrisk.surfaces import Mesh, Section

if TYPE_CHECKING:
    from sxrisk.sites.result import SiteResult

__all__ = ["load_result", "save_result", "write_json"]

Arrays = dict[str, npt.NDArray[Any]]


def write_json(document: dict[str, Any], path: Path) -> Path:
    """Write a JSON file, keys in their order, NaN as null."""
    with whole_file(path) as partial:
        text = json.dumps(_plain(document), ensure_ascii=False, indent=1, allow_nan=False)
        partial.write_text(text + "\n", encoding="utf-8")
    return path


def save_result(result: "SiteResult", folder: Path) -> Path:
    """Keep every part of a result in ``arrays.npz`` and ``site.json``."""
    arrays: Arrays = {}
    document: dict[str, Any] = {
        "site_id": result.site_id,
        "kind": result.kind,
        "name": result.name,
        "crs": _crs_text(result.crs),
        "summary": result.summary,
        "mesh": _put_mesh(arrays, "mesh", result.mesh),
        "extra_meshes": {k: _put_mesh(arrays, f"extra/{k}", m) for k, m in result.extra_meshes.items()},
        "change": None if result.change is None else _put_change(arrays, result.change),
        "rasters": {k: _put_raster(arrays, f"raster/{k}", grid) for k, grid in result.rasters.items()},
        "sections": [_put_section(arrays, i, cut) for i, cut in enumerate(result.sections)],
        "measurements": _put_frame(result.measurements),
    }
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"the folder cannot be made ({error.strerror})", where=folder) from error
    with whole_file(folder / "arrays.npz") as partial, partial.open("wb") as file:
        np.savez(file, allow_pickle=False, **arrays)
    # Last, so that a folder with a site.json is whole.
    with whole_file(folder / "site.json") as partial:
        partial.write_text(json.dumps(document, ensure_ascii=False), encoding="utf-8")
    return folder


def load_result(folder: Path) -> dict[str, Any]:
    """Keywords of the result kept in a folder."""
    try:
        document = json.loads((folder / "site.json").read_text(encoding="utf-8"))
        with np.load(folder / "arrays.npz", allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
        return {
            "site_id": document["site_id"],
            "kind": document["kind"],
            "name": document["name"],
            "crs": _crs(document["crs"]),
            "summary": document["summary"],
            "mesh": _get_mesh(arrays, "mesh", document["mesh"]),
            "extra_meshes": {k: _get_mesh(arrays, f"extra/{k}", m) for k, m in document["extra_meshes"].items()},
            "change": None if document["change"] is None else _get_change(arrays, document["change"]),
            "rasters": {k: _get_raster(arrays, f"raster/{k}", m) for k, m in document["rasters"].items()},
            "sections": [_get_section(arrays, i, m) for i, m in enumerate(document["sections"])],
            "measurements": _get_frame(document["measurements"]),
        }
    except (OSError, KeyError, ValueError, TypeError, zipfile.BadZipFile) as error:
        raise FileFormatError(
            f"the kept result of a site cannot be read ({error})",
            where=folder,
            expected="site.json and arrays.npz as SiteResult.save writes them",
            remedy="Remove the folder and run the stage again",
        ) from error


def _put_mesh(arrays: Arrays, key: str, mesh: Mesh) -> dict[str, Any]:
    arrays[f"{key}/vertices"], arrays[f"{key}/faces"] = mesh.vertices, mesh.faces
    for name, values in mesh.vertex_fields.items():
        arrays[f"{key}/field/{name}"] = values
    return {"crs": _crs_text(mesh.crs), "fields": list(mesh.vertex_fields)}


def _get_mesh(arrays: Arrays, key: str, meta: dict[str, Any]) -> Mesh:
    found = {name: arrays[f"{key}/field/{name}"] for name in meta["fields"]}
    return Mesh(arrays[f"{key}/vertices"], arrays[f"{key}/faces"], crs=_crs(meta["crs"]), vertex_fields=found)


def _put_change(arrays: Arrays, change: M3C2Result) -> dict[str, Any]:
    meta: dict[str, Any] = {}
    for item in fields(change):
        value = getattr(change, item.name)
        if isinstance(value, np.ndarray):
            arrays[f"change/{item.name}"] = value
        else:
            meta[item.name] = _crs_text(value) if item.name.endswith("crs") else value
    return meta


def _get_change(arrays: Arrays, meta: dict[str, Any]) -> M3C2Result:
    values = {name: _crs(value) if name.endswith("crs") else value for name, value in meta.items()}
    prefix = "change/"
    return M3C2Result(**values, **{k.removeprefix(prefix): v for k, v in arrays.items() if k.startswith(prefix)})


def _put_raster(arrays: Arrays, key: str, grid: xr.DataArray) -> dict[str, Any]:
    arrays[key], arrays[f"{key}/x"], arrays[f"{key}/y"] = grid.to_numpy(), grid.x.to_numpy(), grid.y.to_numpy()
    meta = {"attrs": dict(grid.attrs), "name": grid.name, "spatial_ref": None}
    if "spatial_ref" in grid.coords:
        meta["spatial_ref"] = dict(grid.spatial_ref.attrs)
    return meta


def _get_raster(arrays: Arrays, key: str, meta: dict[str, Any]) -> xr.DataArray:
    grid = xr.DataArray(
        arrays[key],
        coords={"y": arrays[f"{key}/y"], "x": arrays[f"{key}/x"]},
        dims=("y", "x"),
        attrs=meta["attrs"],
        name=meta["name"],
    )
    if meta["spatial_ref"] is None:
        return grid
    return grid.assign_coords(spatial_ref=xr.DataArray(0, attrs=meta["spatial_ref"]))


def _put_section(arrays: Arrays, number: int, cut: Section) -> dict[str, Any]:
    for i, (_, profile) in enumerate(cut.profiles):
        arrays[f"section/{number}/{i}"] = profile
    labels = [label for label, _ in cut.profiles]
    return {"name": cut.name, "start": list(cut.start), "end": list(cut.end), "labels": labels}


def _get_section(arrays: Arrays, number: int, meta: dict[str, Any]) -> Section:
    profiles = tuple((label, arrays[f"section/{number}/{i}"]) for i, label in enumerate(meta["labels"]))
    return Section(meta["name"], (meta["start"][0], meta["start"][1]), (meta["end"][0], meta["end"][1]), profiles)


def _put_frame(frame: gpd.GeoDataFrame) -> list[dict[str, Any]]:
    shapes = [None if shape is None else to_wkb(shape, hex=True) for shape in frame.geometry]
    table = pd.DataFrame(frame).drop(columns="geometry").to_dict("records")
    return [dict(row, geometry=shape) for row, shape in zip(table, shapes, strict=True)]  # type: ignore[arg-type]


def _get_frame(rows: list[dict[str, Any]]) -> gpd.GeoDataFrame:
    for row in rows:
        row["geometry"] = None if row["geometry"] is None else from_wkb(row["geometry"])
    frame = measurements_frame(rows)
    return frame.set_crs(GEOGRAPHIC_CRS)


def _crs_text(crs: Any) -> str | None:
    return None if crs is None else crs.to_wkt()


def _crs(text: str | None) -> Any:
    return None if text is None else pyproj.CRS.from_wkt(text)


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(k): _plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(v) for v in value]
    if isinstance(value, float) and not np.isfinite(value):
        return None
    return value
