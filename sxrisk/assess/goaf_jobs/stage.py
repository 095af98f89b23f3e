"""What a run does about the ground above goafs: basins before the rules, the ranking after them."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import geopandas as gpd
import pandas as pd
import xarray as xr

from sxrisk.assess.goaf_jobs.subsidence import ground_of, read_basin, terrain_zones, write_ground, write_things
from sxrisk.assess.place import in_place

if TYPE_CHECKING:
    from sxrisk.assess.stages import RunContext

__all__ = ["GROUND_FOLDER", "find_ground", "show_ground"]

#: Inside the run folder: rasters, boundaries, the table of things, the ranking and the picture.
GROUND_FOLDER = Path("region") / "subsidence"
_PICTURE = Path("region") / "subsidence.png"


def find_ground(
    context: "RunContext", goafs: gpd.GeoDataFrame, angles_deg: Mapping[str, float], dem: xr.DataArray | None
) -> gpd.GeoDataFrame:
    """Measurements of the basins of a project; their files are written, their boundaries kept for the map."""
    options, project = context.project.subsidence, context.project.project
    layers = context.layers()
    with in_place(f"{context.project.path.name}: subsidence"):
        ground = ground_of(
            _with_scanned(goafs, context),
            list(layers.values()),
            context.catalogue(),
            options.values,
            options.goafs,
            as_of=project.as_of,
            movement=options.movement,
            cell_m=options.cell_m,
        )
    zones = ground.zones
    if dem is not None and dem.rio.crs is not None and dem.rio.crs.is_projected:
        with_angle = terrain_zones(goafs, angles_deg, dem)
        zones = pd.concat([part for part in (zones, with_angle) if len(part)] or [zones], ignore_index=True)
    context.state.save("subsidence_zones", zones)
    if ground.basins or len(zones):
        write_ground(context.folder / GROUND_FOLDER, replace(ground, zones=zones))
    context.state.save_json("basins", list(ground.basins))
    things = ground.things
    context.state.save("things", pd.DataFrame(things[[c for c in things if not c.startswith(("place_", "geometry"))]]))
    return ground.measurements


def _with_scanned(goafs: gpd.GeoDataFrame, context: "RunContext") -> gpd.GeoDataFrame:
    """The layer with depth and height as they were measured, where a goaf was scanned."""
    from sxrisk.assess.stages import load_sites

    told = goafs.copy()
    for site in load_sites(context).values():
        rows = told.index[told["id"] == site.site_id]
        if site.kind != "goaf" or not len(rows):
            continue
        values = site.measurements.groupby("metric")["value"].last()
        for metric, column in (("depth", "depth_m"), ("height", "thickness_m")):
            if metric in values.index and values[metric] > 0:
                told.loc[rows, column] = float(values[metric])
    return told


def show_ground(
    context: "RunContext", goafs: gpd.GeoDataFrame, measurements: gpd.GeoDataFrame, findings: gpd.GeoDataFrame
) -> None:
    """After the rules: the picture of the basins with the graded buildings, and the ranking of several goafs."""
    from sxrisk.products.atomic import replaced_whole
    from sxrisk.products.subsidence_figure import draw_subsidence
    from sxrisk.products.text import label
    from sxrisk.risk import goaf_criteria, rank_goafs

    project = context.project.project
    folder = context.folder / GROUND_FOLDER
    if len(goafs) > 1:
        table = rank_goafs(goaf_criteria(goafs, measurements, findings), context.project.subsidence.ranking or None)
        with replaced_whole(folder / "goaf_ranking.csv") as partial:
            table.to_csv(partial, index=False, encoding="utf-8-sig", float_format="%.6g")
    names = context.state.load_json("basins") if len(goafs) else []
    if not names:
        return
    write_things(folder / "subsidence_things.csv", context.state.load_table("things"), findings)
    language = project.language
    note = f"{project.title(language)}　{label('ui', 'as_of', language)} {project.as_of.isoformat()}"
    if project.synthetic:
        note += f"　{label('ui', 'synthetic', language)}"
    draw_subsidence(
        context.folder / _PICTURE,
        {name: read_basin(folder, name) for name in names},
        context.state.load("subsidence_zones"),
        findings,
        context.layers(),
        language=language,
        note=note,
    )
