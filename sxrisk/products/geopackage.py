"""The findings as a GeoPackage that opens styled in QGIS."""

from datetime import date
from pathlib import Path
from typing import Any

import geopandas as gpd
import pandas as pd

from sxrisk.errors import OutputError
from sxrisk.findings import check_findings
from sxrisk.products.qgis_style import add_style
from sxrisk.products.text import Language, finding_sentence, rule_title

__all__ = ["write_findings_geopackage"]


def write_findings_geopackage(
    path: Path,
    findings: gpd.GeoDataFrame,
    *,
    as_of: date,
    language: Language = "zh",
    catalogue: Any = None,
    not_applied: pd.DataFrame | None = None,
) -> Path:
    """Write ``findings`` (all columns, a sentence and the rule's title), its style, and ``not_checked``.

    Parameters
    ----------
    path : Path
        Replaced if it exists.
    findings : GeoDataFrame
        In the findings schema.
    as_of : date
        Stands in the file as its date, so that the same findings give the same bytes.
    language : {"zh", "en"}
        Of sentences and titles.
    catalogue : Catalogue, optional
    not_applied : DataFrame, optional
        Rules that could not be applied.

    Raises
    ------
    OutputError
        If the file cannot be written.
    """
    import pyogrio
    from pyogrio.errors import DataSourceError

    rules = getattr(catalogue, "rules", {})
    frame = check_findings(findings).copy()
    records = frame.drop(columns="geometry").to_dict("records")
    frame.insert(2, "rule_title", [rule_title(rules.get(row["rule_id"]), row["rule_id"], language) for row in records])
    frame.insert(3, "sentence", [finding_sentence(row, language) for row in records])
    path.unlink(missing_ok=True)
    before = pyogrio.get_gdal_config_option("OGR_CURRENT_DATE")
    pyogrio.set_gdal_config_options({"OGR_CURRENT_DATE": f"{as_of.isoformat()}T00:00:00.000Z"})
    try:
        # Points, lines and outlines in one table: each finding keeps its one row.
        pyogrio.write_dataframe(frame, path, layer="findings", driver="GPKG", geometry_type="Unknown")
        if not_applied is not None:
            plain = not_applied.drop(columns=[name for name in not_applied.columns if name == "geometry"])
            pyogrio.write_dataframe(pd.DataFrame(plain), path, layer="not_checked", driver="GPKG", append=True)
        add_style(path, "findings", as_of=as_of, language=language)
    except DataSourceError as error:
        raise OutputError("the findings cannot be written", where=path, remedy=str(error)) from error
    finally:
        pyogrio.set_gdal_config_options({"OGR_CURRENT_DATE": before})
    return path
