"""The review pack: one folder that opens by double click, without a network."""

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import geopandas as gpd
import pandas as pd
import xarray as xr

from sxrisk.errors import OutputError
from sxrisk.products.findings_files import write_findings
from sxrisk.products.fonts import subset_woff
from sxrisk.products.geopackage import write_findings_geopackage
from sxrisk.products.page import map_page, write_page
from sxrisk.products.page_data import strings_in
from sxrisk.products.report import write_report
from sxrisk.products.scene import scene_data, site_card, write_scene, write_scene_assets
from sxrisk.products.text import check_language, label
from sxrisk.products.workbook import write_workbook

__all__ = ["PackInput", "write_pack"]


@dataclass(frozen=True, eq=False)
class PackInput:
    """What a review pack is made of.

    Parameters
    ----------
    title_zh, title_en : str
        Name of the assessment.
    as_of : date
        The day it speaks for; every date in the products comes from it.
    findings : GeoDataFrame
        In the findings schema.
    synthetic : bool
        Whether to mark everything as made from synthetic data.
    language : {"zh", "en"}
        What pages open in, and the language of workbook, report and pictures.
    layers : mapping of str to GeoDataFrame
        Canonical layers by id.
    layer_titles : mapping of str to mapping
        ``zh`` and ``en`` by layer id, where the kind's name is not enough.
    not_applied, rejects : DataFrame, optional
        Rules that could not be applied; rows that could not be read.
    changes : DataFrame, optional
        The comparison with the last run, see :func:`sxrisk.assess.compare_findings`.
    quality : DataFrame, optional
        What is odd in the data.
    catalogue : Catalogue, optional
        By default the one that sxrisk ships.
    heatmap, dem : DataArray, optional
        Weight per square kilometre; terrain in metres.
    grid : GeoDataFrame, optional
        Four-colour grid.
    counties : DataFrame, optional
        Table by county, kept with the pack's workbook.
    sites : mapping of str to SiteResult, or sequence
        Scanned sites by the name of their folder; a sequence takes their ids.
    site_names : mapping of str to mapping
        ``zh`` and ``en`` by folder, for the pages; without it the result's own name stands in both languages.
    sources : sequence of str
        Lines on where the data come from.
    """

    title_zh: str
    title_en: str
    as_of: date
    findings: gpd.GeoDataFrame
    synthetic: bool = False
    language: str = "zh"
    layers: Mapping[str, gpd.GeoDataFrame] = field(default_factory=dict)
    layer_titles: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    not_applied: pd.DataFrame | None = None
    rejects: pd.DataFrame | None = None
    changes: pd.DataFrame | None = None
    quality: pd.DataFrame | None = None
    catalogue: Any = None
    heatmap: xr.DataArray | None = None
    grid: gpd.GeoDataFrame | None = None
    counties: pd.DataFrame | None = None
    sites: Mapping[str, Any] | Sequence[Any] = ()
    site_names: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    dem: xr.DataArray | None = None
    sources: Sequence[str] = ()

    @property
    def title(self) -> str:
        """Name in the pack's own language."""
        return self.title_zh if self.language == "zh" else self.title_en

    @property
    def sites_by_folder(self) -> dict[str, Any]:
        """Sites by the name of their folder under ``sites/``."""
        if isinstance(self.sites, Mapping):
            return dict(self.sites)
        return {site.site_id: site for site in self.sites}


def write_pack(out: Path, pack: PackInput) -> list[Path]:
    """Write the review pack into a folder.

    ``index.html`` with ``assets/`` and ``data/``, ``sites/<id>/scene.html``, ``findings.gpkg``, ``findings.xlsx``,
    ``findings.geojson``, ``report.docx``, ``region/heatmap.png`` and ``region/grid.png``. The same input gives the same
    bytes.

    Parameters
    ----------
    out : Path
        Made if it is not there; other files in it stay.
    pack : PackInput

    Returns
    -------
    list of Path
        What was written.

    Raises
    ------
    OutputError
        If something cannot be written.
    ParameterError
        If the language is neither ``zh`` nor ``en``.
    """
    language = check_language(pack.language)
    catalogue = pack.catalogue if pack.catalogue is not None else _shipped_catalogue()
    as_of = pack.as_of.isoformat()
    sites = pack.sites_by_folder
    try:
        out.mkdir(parents=True, exist_ok=True)
        figures = _region_figures(out, pack)
        written = list(figures)
        written += _documents(out, pack, catalogue, figures, sites)
        page = map_page(
            pack.layers,
            pack.findings,
            title={"zh": pack.title_zh, "en": pack.title_en},
            language=language,
            as_of=as_of,
            synthetic=pack.synthetic,
            catalogue=catalogue,
            heatmap=pack.heatmap,
            grid=pack.grid,
            dem=pack.dem,
            layer_titles=pack.layer_titles,
            sites=[site_card(site, folder, pack.site_names.get(folder)) for folder, site in sites.items()],
            documents=_links(out, figures),
            tables={"not_checked": pack.not_applied, "quality": pack.quality, "rejects": pack.rejects},
            changes=pack.changes,
            sources=pack.sources,
        )
        scenes = {
            folder: scene_data(
                site, names=pack.site_names.get(folder), as_of=as_of, synthetic=pack.synthetic, language=language
            )
            for folder, site in sites.items()
        }
        # One font for the map and the scenes, with the characters of all of them.
        page.font = subset_woff([*strings_in(page.data), *strings_in(scenes)])
        written += write_page(page, out)
        if scenes:
            written += write_scene_assets(out)
        for folder, data in scenes.items():
            written += write_scene(out, folder, data)
    except OSError as error:
        if isinstance(error, OutputError):
            raise
        raise OutputError("the review pack cannot be written", where=out, remedy=str(error)) from error
    return written


def _shipped_catalogue() -> Any:
    from sxrisk.rules import load_catalogue

    return load_catalogue()


def _region_figures(out: Path, pack: PackInput) -> list[Path]:
    from sxrisk.products.figures import draw_grid, draw_heatmap

    language = check_language(pack.language)
    note = f"{pack.title}　{label('ui', 'as_of', language)} {pack.as_of.isoformat()}"
    if pack.synthetic:
        note += f"　{label('ui', 'synthetic', language)}"
    boundary = next(
        (frame for frame in pack.layers.values() if len(frame) and (frame["kind"] == "boundary").all()), None
    )
    figures = []
    if pack.heatmap is not None:
        figures.append(
            draw_heatmap(out / "region" / "heatmap.png", pack.heatmap, boundary=boundary, language=language, note=note)
        )
    if pack.grid is not None:
        figures.append(
            draw_grid(out / "region" / "grid.png", pack.grid, boundary=boundary, language=language, note=note)
        )
    # A run draws the basins of its goafs beside the pack; a pack made by itself has none.
    if (basins := out / "region" / "subsidence.png").is_file():
        figures.append(basins)
    return figures


def _documents(out: Path, pack: PackInput, catalogue: Any, figures: list[Path], sites: Mapping[str, Any]) -> list[Path]:
    from sxrisk.products.figures import draw_site

    language = check_language(pack.language)
    common: dict[str, Any] = {
        "as_of": pack.as_of,
        "language": language,
        "catalogue": catalogue,
        "not_applied": pack.not_applied,
    }
    written = [write_findings_geopackage(out / "findings.gpkg", pack.findings, **common)]
    plain = {name: common[name] for name in ("as_of", "language", "catalogue")}
    written.append(write_findings(out / "findings.geojson", pack.findings, **plain))
    marks: dict[str, Any] = {"title": pack.title, "synthetic": pack.synthetic}
    written.append(
        write_workbook(
            out / "findings.xlsx",
            pack.findings,
            rejects=pack.rejects,
            counties=pack.counties,
            changes=pack.changes,
            quality=pack.quality,
            layer_titles=pack.layer_titles,
            **common,
            **marks,
        )
    )
    with tempfile.TemporaryDirectory() as folder:
        pictures = [
            (site, draw_site(Path(folder) / f"{number}.png", site, language=language) if len(site.mesh.faces) else None)
            for number, site in enumerate(sites.values())
        ]
        report = write_report(
            out / "report.docx",
            pack.findings,
            figures=figures,
            sites=pictures,
            quality=pack.quality,
            layer_titles=pack.layer_titles,
            sources=pack.sources,
            **common,
            **marks,
        )
    return [*written, report]


def _links(out: Path, figures: Sequence[Path]) -> list[dict[str, str]]:
    links = [
        {"key": "file_report", "href": "report.docx"},
        {"key": "file_workbook", "href": "findings.xlsx"},
        {"key": "file_geopackage", "href": "findings.gpkg"},
        {"key": "file_geojson", "href": "findings.geojson"},
    ]
    # A run keeps its layers beside the pack; a pack made by itself has none.
    if (out / "layers.gpkg").is_file():
        links.append({"key": "file_layers", "href": "layers.gpkg"})
    return links + [{"key": f"file_{path.stem}", "href": f"region/{path.name}"} for path in figures]
