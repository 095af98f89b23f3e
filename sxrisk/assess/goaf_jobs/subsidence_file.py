"""Subsidence from a file of panels: what ``sxrisk goaf subsidence`` does."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import pandas as pd

from sxrisk.assess.goaf_jobs.subsidence import Ground, ground_of, write_ground, write_things
from sxrisk.products.text import Language

if TYPE_CHECKING:
    from sxrisk.reach.subsidence import Movement

__all__ = ["SubsidenceFiles", "subsidence_file"]


@dataclass(frozen=True)
class SubsidenceFiles:
    """What was computed, found and written.

    Parameters
    ----------
    ground : Ground
    findings : GeoDataFrame
        Findings schema: of the criteria on goafs alone.
    gaps : DataFrame
        Goafs without a basin: ``goaf``, ``reason`` (a code of the catalogue).
    ranking : DataFrame
        Goafs by rank; empty of fewer than two.
    catalogue : Catalogue
        That judged.
    written : tuple of Path
    """

    ground: Ground
    findings: gpd.GeoDataFrame
    gaps: pd.DataFrame
    ranking: pd.DataFrame
    catalogue: Any
    written: tuple[Path, ...]


def subsidence_file(
    panels: Path,
    out: Path,
    *,
    rock: Mapping[str, float | bool],
    by_goaf: Mapping[str, Mapping[str, float | bool]] | None = None,
    objects: Sequence[tuple[str, Path]] = (),
    as_of: date,
    movement: "Movement" = "final",
    cell_m: float = 10.0,
    crs: str | None = None,
    language: Language = "zh",
) -> SubsidenceFiles:
    """Basins above the panels of a file, and what they do to the things of other files.

    Parameters
    ----------
    panels : Path
        A layer of goafs in any format that :func:`sxrisk.read_layer` reads.
    out : Path
        Folder: GeoTIFFs (COG), boundaries (GeoPackage), the table of things, findings, picture, ranking.
    rock, by_goaf, as_of, movement, cell_m
        See :func:`ground_of`.
    objects : sequence of (kind, Path)
        Layers of what may stand in a basin.
    crs : str, optional
        Of files that do not say their own.
    language : {"zh", "en"}
        Of the picture and the findings' words.

    Returns
    -------
    SubsidenceFiles

    Raises
    ------
    InputError
        If a file or a declared value cannot be used.
    OutputError
        If the folder cannot be written.
    """
    from sxrisk.layers import load_layer
    from sxrisk.products import write_findings
    from sxrisk.products.subsidence_figure import draw_subsidence
    from sxrisk.risk import goaf_criteria, rank_goafs
    from sxrisk.rules import apply_rules, load_catalogue

    goafs = load_layer(panels, kind="goaf", crs=crs).frame
    layers = {
        f"{number}-{kind}": load_layer(path, kind=kind, crs=crs).frame for number, (kind, path) in enumerate(objects)
    }
    catalogue = load_catalogue()
    ground = ground_of(
        goafs, list(layers.values()), catalogue, rock, by_goaf, as_of=as_of, movement=movement, cell_m=cell_m
    )
    about = {rule.id for rule in catalogue.rules.values() if rule.subject_kinds == ("goaf",)}
    everything = {"goafs": goafs, **layers}
    findings = apply_rules(catalogue, everything, ground.measurements, as_of=as_of, only=about).findings
    out.mkdir(parents=True, exist_ok=True)
    written = [
        *write_ground(out, ground),
        write_findings(out / "findings.geojson", findings, as_of=as_of, language=language, catalogue=catalogue),
    ]
    if len(ground.things):
        written.append(write_things(out / "subsidence_things.csv", ground.things, findings))
    if ground.basins:
        basins = {goaf: basin["subsidence_mm"] for goaf, basin in ground.basins.items()}
        written.append(
            draw_subsidence(out / "subsidence.png", basins, ground.zones, findings, everything, language=language)
        )
    ranking = pd.DataFrame()
    if len(goafs) > 1:
        ranking = rank_goafs(goaf_criteria(goafs, ground.measurements, findings))
        ranking.to_csv(out / "goaf_ranking.csv", index=False, encoding="utf-8-sig", float_format="%.6g")
        written.append(out / "goaf_ranking.csv")
    tilts = ground.measurements[(ground.measurements["metric"] == "tilt") & (ground.measurements["object_id"] == "")]
    without = tilts[tilts["value"].isna()]
    gaps = pd.DataFrame({"goaf": without["subject_id"].to_numpy(), "reason": without["method"].to_numpy()})
    return SubsidenceFiles(ground, findings, gaps, ranking, catalogue, tuple(written))
