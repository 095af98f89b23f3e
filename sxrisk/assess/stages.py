"""The stages of the main job, in order. Each reads from the state, calls one floor of the house, and writes back."""

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import geopandas as gpd
import pandas as pd
import xarray as xr

from sxrisk.assess.project import DemSource, Epoch, LayerSource, ProjectFile, Site
from sxrisk.assess.reporter import Reporter
from sxrisk.assess.state import RunState
from sxrisk.errors import InputError
from sxrisk.findings import GEOGRAPHIC_CRS, measurements_frame
from sxrisk.parallel import ordered_map

__all__ = [
    "HEATMAP",
    "STAGES",
    "RunContext",
    "Stage",
    "all_measurements",
    "load_project_layer",
    "load_project_layers",
    "load_sites",
    "read_epoch",
]


@dataclass(frozen=True)
class RunContext:
    """What every stage gets: the project, where to write, the state, and whom to tell."""

    project: ProjectFile
    folder: Path
    state: RunState
    reporter: Reporter
    executor: Executor | None = None
    strict: bool = False

    def layers(self) -> dict[str, gpd.GeoDataFrame]:
        """All layers of the project as the first stage understood them."""
        return {key: self.state.load(f"layers/{key}") for key in self.project.layers}

    def dem(self) -> xr.DataArray | None:
        """The region's elevation model, if the project has one."""
        return _read_dem(self.project.dem)

    def boundary(self) -> gpd.GeoDataFrame | None:
        """The boundary layer, if the project names one."""
        key = self.project.region.boundary
        return None if key is None else self.state.load(f"layers/{key}")

    def catalogue(self) -> Any:
        """The criteria with the project's values and overrides."""
        from sxrisk.rules import load_catalogue

        options = self.project.rules
        return load_catalogue(options.files, values=options.values, overrides=options.overrides)


@dataclass(frozen=True)
class Stage:
    """A step of the main job."""

    name: str
    run: Callable[[RunContext], None]


def load_project_layer(key: str, source: LayerSource, region: Any = None) -> Any:
    """One layer of a project file through the door of ``layers``.

    Parameters
    ----------
    key : str
        Its id in the project file.
    source : LayerSource
        What the project file says of it.
    region : shapely geometry, optional
        EPSG:4490; rows far outside are set aside.

    Returns
    -------
    LoadedLayer
        Frame, rejects and report.
    """
    from sxrisk.layers import load_layer

    return load_layer(
        source.path,
        kind=source.kind,
        name=key,
        crs=source.crs,
        position_sigma_m=source.position_sigma_m,
        columns=source.columns,
        where=source.where,
        values=source.values,
        layer=source.layer,
        encoding=source.encoding,
        x=source.x,
        y=source.y,
        region=region,
    )


def load_project_layers(project: ProjectFile) -> Iterator[tuple[str, Any]]:
    """All layers in the order of the project file; what lies far outside the boundary is set aside."""
    boundary = project.region.boundary
    outline = None
    if boundary is not None:
        outline = load_project_layer(boundary, project.layers[boundary]).frame.union_all()
    for key, source in project.layers.items():
        yield key, load_project_layer(key, source, None if key == boundary else outline)


def _read_layers(context: RunContext) -> None:
    from sxrisk.layers import assign_county, write_layers_gpkg

    sources = context.project.layers
    loaded = {}
    for number, (key, layer) in enumerate(load_project_layers(context.project), start=1):
        context.reporter.progress(number, len(sources), key)
        loaded[key] = layer
        rejects = layer.rejects
        if context.strict and len(rejects):
            first = rejects.iloc[0]
            raise InputError(
                f"{len(rejects)} rows cannot be used, the first because {first['reason']}: {first['detail']}",
                where=f"{sources[key].path}, row {first['source_row']}",
                remedy="Mend them, or run without --strict to set them aside",
            )
    frames = {key: layer.frame for key, layer in loaded.items()}
    boundary = context.project.region.boundary
    if boundary is not None:
        frames = {
            key: frame if key == boundary else assign_county(frame, frames[boundary]) for key, frame in frames.items()
        }
    context.state.subfolder("layers")
    for key, frame in frames.items():
        context.state.save(f"layers/{key}", frame)
    rejects = pd.concat([layer.rejects.assign(layer=key) for key, layer in loaded.items()], ignore_index=True)
    context.state.save(
        "rejects", rejects.astype({column: "str" for column in rejects.columns if column != "source_row"})
    )
    context.state.save_json("layer_reports", {key: layer.report.to_dict() for key, layer in loaded.items()})
    write_layers_gpkg(context.folder / "layers.gpkg", frames)


@dataclass(frozen=True)
class _SiteTask:
    """What a worker needs to measure one site; small enough to send to another machine."""

    key: str
    site: Site
    outline: Any
    dem: DemSource | None
    state: Path
    artefacts: Path


def _measure_sites(context: RunContext) -> None:
    sites = context.project.sites
    state = context.state.subfolder("sites")
    tasks = [
        _SiteTask(
            key, site, _outline(context, key, site), context.project.dem, state / key, context.folder / "sites" / key
        )
        for key, site in sites.items()
    ]
    context.reporter.progress(0, len(tasks), ", ".join(sites))
    for number, key in enumerate(ordered_map(_measure_one, tasks, executor=context.executor), start=1):
        context.reporter.progress(number, len(tasks), key)


def _outline(context: RunContext, key: str, site: Site) -> Any:
    """Outline of the site in EPSG:4490, if the project says which feature it is."""
    if site.layer is None:
        return None
    frame = context.state.load(f"layers/{site.layer}")
    outline = frame.loc[frame["id"] == site.feature, "geometry"]
    if outline.empty:
        raise InputError(
            f"layer {site.layer!r} has no feature with the id {site.feature!r}",
            where=f"{context.project.path.name}: sites.{key}.feature",
            expected=f"one of {', '.join(frame['id'].head(8))}, ...",
        )
    return outline.iloc[0]


def _measure_one(task: _SiteTask) -> str:
    """Scans of one site to its measurements, surfaces and change; runs in any process."""
    from sxrisk.sites import measure_site

    site = task.site
    result = measure_site(
        site.kind,
        [read_epoch(site, epoch) for epoch in site.epochs],
        site_id=site.feature or task.key,
        name=site.name_zh or site.name or task.key,
        outline=task.outline,
        outline_crs=GEOGRAPHIC_CRS,
        parameters=site.parameters,
        change_parameters=None if site.change is None else site.change.model_dump(),
        crs=site.crs,
        vertical_crs=site.vertical_crs,
        dem=_read_dem(task.dem),
    )
    result.save(task.state)
    result.write_artefacts(task.artefacts)
    return task.key


def _read_dem(source: DemSource | None) -> xr.DataArray | None:
    from sxrisk.layers import read_dem

    return None if source is None else read_dem(source.path, crs=source.crs, vertical_crs=source.vertical_crs)


def read_epoch(site: Site, epoch: Epoch) -> list[Any]:
    """The scans of one epoch, lazily read, with what the project file says of them.

    Returns
    -------
    list of Scan
    """
    from sxrisk.scans import read_scan

    return [
        read_scan(
            source.path,
            crs=site.crs,
            vertical_crs=site.vertical_crs,
            epoch=epoch.date,
            stations=None if source.station is None else [source.station],
            range_sigma_m=site.range_sigma_m,
        )
        for source in epoch.scans
    ]


def load_sites(context: RunContext) -> dict[str, Any]:
    """The results of the sites stage by the site's key, in the order of the project file."""
    from sxrisk.sites import SiteResult

    return {key: SiteResult.load(context.state.folder / "sites" / key) for key in context.project.sites}


def _reach(context: RunContext) -> None:
    from sxrisk import reach

    frames = context.layers().values()
    catalogue = context.catalogue()
    parts: list[gpd.GeoDataFrame] = []
    ponds, goafs, dem = _of_kind(frames, "tailings_pond"), _of_kind(frames, "goaf"), context.dem()
    context.reporter.progress(0, 2, "tailings flow paths")
    if len(ponds) and dem is not None:
        rule = catalogue.rules["T-OH"]
        half_width_m = catalogue.given("T-OH").get("corridor_half_width_m")
        protected = _of_kind(frames, *rule.object_kinds)
        parts.append(
            reach.tailings_reach(ponds, protected, dem, corridor_half_width_m=half_width_m, length_m=rule.value)
        )
    context.reporter.progress(1, 2, "goaf influence zones")
    if len(goafs):
        angle_deg = catalogue.given("GOAF-ZONE").get("movement_angle_deg")
        # Without an angle the zone is measured as missing, with the reason, and the rule says that it was not applied.
        parts.append(reach.goaf_influence(goafs, {} if angle_deg is None else angle_deg))
    context.state.save("reach", _joined(parts))


def _of_kind(frames: Iterable[gpd.GeoDataFrame], *kinds: str) -> gpd.GeoDataFrame:
    parts = [part for frame in frames if len(part := frame[frame["kind"].isin(kinds)])]
    return pd.concat(parts, ignore_index=True) if parts else gpd.GeoDataFrame({"id": []}, geometry=[], crs="EPSG:4490")


def _joined(parts: list[gpd.GeoDataFrame]) -> gpd.GeoDataFrame:
    full = [part for part in parts if len(part)]
    return measurements_frame(pd.concat(full, ignore_index=True)) if full else measurements_frame()


def all_measurements(context: RunContext) -> gpd.GeoDataFrame:
    """Measurements of sites and reach in one table."""
    return _joined([*(site.measurements for site in load_sites(context).values()), context.state.load("reach")])


def _apply_rules(context: RunContext) -> None:
    from sxrisk.rules import apply_rules

    outcome = apply_rules(
        context.catalogue(), context.layers(), all_measurements(context), as_of=context.project.project.as_of
    )
    context.state.save("findings", outcome.findings)
    context.state.save("not_applied", outcome.not_applied)


def _map_region(context: RunContext) -> None:
    from sxrisk import risk

    findings = context.state.load("findings")
    region = context.project.region
    boundary = context.boundary()
    context.reporter.progress(0, 3, "heatmap")
    if len(findings):
        (context.folder / "region").mkdir(exist_ok=True)
        density = risk.heatmap(
            findings,
            weight=findings["colour"].map(region.heatmap.weights).to_numpy(),
            bandwidth_m=region.heatmap.bandwidth_m,
            cell_m=region.heatmap.cell_m,
            boundary=boundary,
        )
        risk.write_heatmap(context.folder / HEATMAP, density)
    context.reporter.progress(1, 3, "four-colour grid")
    context.state.save("grid", risk.risk_grid(findings, cell_m=region.grid.cell_m, boundary=boundary))
    context.reporter.progress(2, 3, "table by county")
    if boundary is not None:
        context.state.save("counties", risk.county_table(findings, boundary))


def _write_products(context: RunContext) -> None:
    from sxrisk.assess.pack_input import pack_input
    from sxrisk.products import write_pack

    write_pack(context.folder, pack_input(context))


HEATMAP = Path("region") / "heatmap.tif"

STAGES = (
    Stage("layers", _read_layers),
    Stage("sites", _measure_sites),
    Stage("reach", _reach),
    Stage("rules", _apply_rules),
    Stage("region", _map_region),
    Stage("products", _write_products),
)
