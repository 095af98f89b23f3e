"""What the review pack is made of, gathered from the state of a run."""

from typing import TYPE_CHECKING

from sxrisk.assess.stages import HEATMAP, RunContext, load_sites

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
        layers=context.layers(),
        layer_titles=titles,
        not_applied=state.load_table("not_applied"),
        rejects=state.load_table("rejects"),
        catalogue=context.catalogue(),
        heatmap=_heatmap(context),
        grid=state.load("grid"),
        counties=None if context.boundary() is None else state.load_table("counties"),
        sites=load_sites(context),
        site_names={key: site.titles(key) for key, site in context.project.sites.items()},
        dem=context.dem(),
        sources=tuple(info.sources),
    )


def _heatmap(context: RunContext) -> "xr.DataArray | None":
    path = context.folder / HEATMAP
    if not path.is_file():
        return None
    import xarray as xr

    # Into memory: an open file would hold the run folder on Windows.
    with xr.open_dataarray(path, engine="rasterio", mask_and_scale=True) as raster:
        return raster.squeeze("band", drop=True).load()
