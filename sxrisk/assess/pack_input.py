"""What the review pack is made of, gathered from the state of a run."""

from typing import TYPE_CHECKING

import geopandas as gpd
import pandas as pd

from sxrisk.assess.goaf_jobs.subsidence import SUBSIDENCE_ZONE
from sxrisk.assess.stages import HEATMAP, RunContext, load_sites
from sxrisk.reach import RISK_ZONE

if TYPE_CHECKING:
    import xarray as xr

    from sxrisk.products import PackInput

__all__ = ["pack_input"]


def pack_input(context: RunContext) -> "PackInput":
    """Everything that the earlier stages left, as the products take it."""
    from sxrisk.products import PackInput

    info, state = context.project.project, context.state
    titles = {
        key: {"en": source.title or source.title_zh, "zh": source.title_zh or source.title}
        for key, source in context.project.layers.items()
        if source.title or source.title_zh
    }
    return PackInput(
        title_zh=info.title("zh"),
        title_en=info.title("en"),
        as_of=info.as_of,
        synthetic=info.synthetic,
        language=info.language,
        findings=state.load("findings"),
        layers=_layers(context),
        layer_titles=titles,
        not_applied=state.load_table("not_applied"),
        rejects=state.load_table("rejects"),
        changes=state.load_table("changes") if state.has("changes") else None,
        quality=_quality(state.load_table("quality"), state.load_table("gaps")),
        catalogue=context.catalogue(),
        heatmap=_heatmap(context),
        grid=state.load("grid"),
        counties=None if context.boundary() is None else state.load_table("counties"),
        sites=load_sites(context),
        site_names={key: site.titles(key) for key, site in context.project.sites.items()},
        dem=context.dem(),
        sources=tuple(info.sources),
    )


def _layers(context: RunContext) -> dict[str, gpd.GeoDataFrame]:
    """The layers of the project, and what was computed of them for the map."""
    found = {RISK_ZONE: context.state.load("individual_risk")}
    if context.state.has("subsidence_zones"):
        zones = context.state.load("subsidence_zones")
        # Lines: fills of contours that lie in each other would hide what stands on the ground.
        drawn = zones[~zones["criterion"].str.startswith("by_")]
        found[SUBSIDENCE_ZONE] = drawn.set_geometry(drawn.geometry.boundary)
    # A colon, which no id in a project file may hold.
    return {**context.layers(), **{f"region:{kind}": zones for kind, zones in found.items() if len(zones)}}


def _quality(quality: pd.DataFrame, gaps: pd.DataFrame) -> pd.DataFrame:
    """What is odd in the data, and below it which criteria its gaps keep silent."""
    silent = gaps.assign(severity="not_checked", layer="", ids=gaps["rules"])
    parts = [part.reindex(columns=quality.columns) for part in (quality, silent) if len(part)]
    return pd.concat(parts, ignore_index=True) if parts else quality


def _heatmap(context: RunContext) -> "xr.DataArray | None":
    path = context.folder / HEATMAP
    if not path.is_file():
        return None
    import xarray as xr

    # Into memory: an open file would hold the run folder on Windows.
    with xr.open_dataarray(path, engine="rasterio", mask_and_scale=True) as raster:
        return raster.squeeze("band", drop=True).load()
