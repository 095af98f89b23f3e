"""The findings in the file formats that people ask for, by the name they give."""

import json
import math
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from sxrisk.errors import OutputError, ParameterError
from sxrisk.findings import check_findings
from sxrisk.products.atomic import replaced_whole
from sxrisk.products.geopackage import write_findings_geopackage
from sxrisk.products.text import Language, check_language, finding_sentence, label, rule_title
from sxrisk.products.workbook import plain_cell, write_workbook

__all__ = ["FINDING_FORMATS", "write_findings", "write_findings_geojson"]

_DECIMALS = 7
_NOTE = (
    "Coordinates are CGCS2000 (EPSG:4490) longitude and latitude, given as the WGS 84 that RFC 7946 asks for: "
    "the two differ by less than the accuracy of any of these positions (decimetres)."
)


def write_findings(
    path: str | Path,
    findings: gpd.GeoDataFrame,
    *,
    as_of: date,
    language: str = "zh",
    title: str = "",
    catalogue: Any = None,
    not_applied: pd.DataFrame | None = None,
    rejects: pd.DataFrame | None = None,
) -> Path:
    """Write findings as ``.xlsx``, ``.gpkg``, ``.geojson``, ``.csv`` or ``.parquet``; whole, or not at all.

    Parameters
    ----------
    path : str or Path
        Its suffix is the format; a file that stands there is replaced.
    findings : GeoDataFrame
        Findings schema, EPSG:4490.
    as_of : date
        The only date in the file.
    language : {"zh", "en"}
        Of titles and sentences.
    title : str
        Of the workbook.
    catalogue : Catalogue, optional
        Titles and clauses of the rules.
    not_applied, rejects : DataFrame, optional
        What was not checked and what could not be read; a sheet each of a workbook, the first also in a GeoPackage.

    Raises
    ------
    ParameterError
        If the format is another one.
    OutputError
        If the file cannot be written.
    """
    path = Path(path)
    code = check_language(language)
    write = FINDING_FORMATS.get(path.suffix.casefold())
    if write is None:
        raise ParameterError(
            f"findings cannot be written as {path.suffix or 'a file without suffix'}",
            where=path,
            expected=", ".join(FINDING_FORMATS),
        )
    frame = check_findings(findings)
    more = {
        "as_of": as_of, "language": code, "title": title, "catalogue": catalogue, "not_applied": not_applied,
        "rejects": rejects,
    }  # fmt: skip
    try:
        with replaced_whole(path) as part:
            write(part, frame, **more)
    except OSError as error:
        if isinstance(error, OutputError):
            raise
        raise OutputError("the findings cannot be written", where=path, remedy=str(error)) from error
    return path


def write_findings_geojson(
    path: Path, findings: gpd.GeoDataFrame, *, language: Language = "zh", catalogue: Any = None
) -> Path:
    """Write findings as GeoJSON by RFC 7946: longitude and latitude, rings by the right-hand rule, no CRS member.

    Parameters
    ----------
    path : Path
    findings : GeoDataFrame
        Findings schema, EPSG:4490.
    language : {"zh", "en"}
        Of title and sentence.
    catalogue : Catalogue, optional
    """
    rules = getattr(catalogue, "rules", {})
    shapes = shapely.orient_polygons(findings.geometry.to_numpy(dtype=object))
    shapes = shapely.transform(shapes, lambda places: np.round(places, _DECIMALS))
    features = []
    for row, shape in zip(findings.drop(columns="geometry").to_dict("records"), shapes, strict=True):
        values = {name: _json_value(value) for name, value in row.items()}
        # Figures stand as an object, not as text in text.
        values["details"] = json.loads(row["details"]) if row["details"] else None
        values["rule_title"] = rule_title(rules.get(row["rule_id"]), row["rule_id"], language)
        values["sentence"] = finding_sentence(row, language)
        geometry = None if shape is None or shape.is_empty else shapely.geometry.mapping(shape)
        features.append({"type": "Feature", "id": row["finding_id"], "geometry": geometry, "properties": values})
    whole = {"type": "FeatureCollection", "name": "findings", "coordinates_note": _NOTE, "features": features}
    text = json.dumps(whole, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    path.write_text(text + "\n", encoding="utf-8")
    return path


def _geojson(path: Path, findings: gpd.GeoDataFrame, **more: Any) -> None:
    write_findings_geojson(path, findings, language=more["language"], catalogue=more["catalogue"])


def _workbook(path: Path, findings: gpd.GeoDataFrame, **more: Any) -> None:
    write_workbook(path, findings, **more)


def _geopackage(path: Path, findings: gpd.GeoDataFrame, **more: Any) -> None:
    kept = {name: more[name] for name in ("as_of", "language", "catalogue", "not_applied")}
    write_findings_geopackage(path, findings, **kept)


def _csv(path: Path, findings: gpd.GeoDataFrame, **more: Any) -> None:
    """Headers in words, the place as two columns and as text; opens in Excel, and nothing in it runs."""
    language: Language = more["language"]
    table = pd.DataFrame(findings.drop(columns="geometry"))
    rules = getattr(more["catalogue"], "rules", {})
    records: list[dict[str, Any]] = [
        {str(key): value for key, value in row.items()} for row in table.to_dict("records")
    ]
    table.insert(2, "rule", [rule_title(rules.get(row["rule_id"]), row["rule_id"], language) for row in records])
    table.insert(3, "sentence", [finding_sentence(row, language) for row in records])
    box = shapely.bounds(findings.geometry.to_numpy()).reshape(-1, 4)
    table["longitude"], table["latitude"] = np.round((box[:, :2] + box[:, 2:]) / 2, _DECIMALS).T
    table = table.map(plain_cell)
    table.columns = [label("column", name, language) for name in table.columns]
    # The mark in front tells Excel that this is UTF-8.
    table.to_csv(path, index=False, encoding="utf-8-sig", lineterminator="\r\n")


def _parquet(path: Path, findings: gpd.GeoDataFrame, **_: Any) -> None:
    gpd.GeoDataFrame(findings).to_parquet(path)


def _json_value(value: Any) -> Any:
    return None if isinstance(value, float) and not math.isfinite(value) else value


FINDING_FORMATS: dict[str, Callable[..., None]] = {
    ".xlsx": _workbook,
    ".gpkg": _geopackage,
    ".geojson": _geojson,
    ".csv": _csv,
    ".parquet": _parquet,
}
"""Writers by suffix."""
