"""The stages of the main job, in order. Each reads from the state, calls one floor of the house, and writes back."""

from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Executor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import geopandas as gpd
import pandas as pd
import xarray as xr

from sxrisk.assess.goaf_jobs.stage import find_ground, show_ground
from sxrisk.assess.history import compare_with_last, describe_last, read_register
from sxrisk.assess.identity import distinct_ids, row_of_feature
from sxrisk.assess.inputs import check_before_work, load_project_catalogue, read_epoch, read_project_dem
from sxrisk.assess.inventory import account_for_rows, check_features, load_project_layers
from sxrisk.assess.place import in_place
from sxrisk.assess.project import DemSource, ProjectFile, Site
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
    "join_layers",
    "load_sites",
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
    last: Path | None = None

    def layers(self) -> dict[str, gpd.GeoDataFrame]:
        """All layers of the project as the first stage understood them."""
        return {key: self.state.load(f"layers/{key}") for key in self.project.layers}

    def dem(self) -> xr.DataArray | None:
        """The region's elevation model, if the project has one."""
        return read_project_dem(self.project.dem)

    def boundary(self) -> gpd.GeoDataFrame | None:
        """The boundary layer, if the project names one."""
        key = self.project.region.boundary
        return None if key is None else self.state.load(f"layers/{key}")

    def catalogue(self) -> Any:
        """The criteria with the project's values and overrides."""
        return load_project_catalogue(self.project)


@dataclass(frozen=True)
class Stage:
    """A step of the main job."""

    name: str
    run: Callable[[RunContext], None]


def join_layers(project: ProjectFile, frames: Mapping[str, gpd.GeoDataFrame]) -> dict[str, gpd.GeoDataFrame]:
    """The project's layers as one inventory: ids that hold across layers, and the county of each feature."""
    from sxrisk.layers import assign_county

    joined = distinct_ids(frames)
    boundary = project.region.boundary
    if boundary is None:
        return joined
    return {key: frame if key == boundary else assign_county(frame, joined[boundary]) for key, frame in joined.items()}


def _read_layers(context: RunContext) -> None:
    from sxrisk.layers import write_layers_gpkg
    from sxrisk.layers.quality.report import check_quality

    check_before_work(context.project)
    sources = context.project.layers
    loaded = {}
    for number, (key, layer) in enumerate(load_project_layers(context.project), start=1):
        context.reporter.progress(number, len(sources), key)
        loaded[key] = layer
        account_for_rows(key, layer)
        rejects = layer.rejects
        if context.strict and len(rejects):
            first = rejects.iloc[0]
            raise InputError(
                f"{len(rejects)} rows cannot be used, the first because {first['reason']}: {first['detail']}",
                where=f"{sources[key].shown}, row {first['source_row']}",
                remedy="Mend them, or run without --strict to set them aside",
            )
    frames = {key: layer.frame for key, layer in loaded.items()}
    check_features(context.project, frames)
    boundary = context.project.region.boundary
    # Before the boundary says which county it is: the report compares it with what the files say.
    quality = check_quality(loaded, boundary=None if boundary is None else frames[boundary])
    context.state.save("quality", quality)
    frames = join_layers(context.project, frames)
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
    name: str
    site: Site
    subject_id: str
    outline: Any
    dem: DemSource | None
    state: Path
    artefacts: Path


def _measure_sites(context: RunContext) -> None:
    sites = context.project.sites
    state = context.state.subfolder("sites")
    language = context.project.project.language
    tasks = []
    for key, site in sites.items():
        subject_id, outline = _feature(context, key, site)
        name = site.titles(key)[language]
        artefacts = context.folder / "sites" / key
        tasks.append(_SiteTask(key, name, site, subject_id, outline, context.project.dem, state / key, artefacts))
    context.reporter.progress(0, len(tasks), ", ".join(sites))
    for number, key in enumerate(ordered_map(_measure_one, tasks, executor=context.executor), start=1):
        context.reporter.progress(number, len(tasks), key)


def _feature(context: RunContext, key: str, site: Site) -> tuple[str, Any]:
    """Id and outline (EPSG:4490) of the feature that the site is, or its own key and None."""
    if site.layer is None or site.feature is None:
        return key, None
    row = row_of_feature(context.state.load(f"layers/{site.layer}"), site.layer, site.feature).iloc[0]
    return row["id"], row["geometry"]


def _measure_one(task: _SiteTask) -> str:
    """Scans of one site to its measurements, surfaces and change; runs in any process."""
    from sxrisk.sites import measure_site

    site = task.site
    with in_place(f"sites.{task.key}"):
        result = measure_site(
            site.kind,
            [read_epoch(site, epoch) for epoch in site.epochs],
            site_id=task.subject_id,
            name=task.name,
            outline=task.outline,
            outline_crs=GEOGRAPHIC_CRS,
            parameters=site.parameters,
            change_parameters=None if site.change is None else site.change.model_dump(),
            crs=site.crs,
            vertical_crs=site.vertical_crs,
            dem=read_project_dem(task.dem),
            stability=site.stability,
        )
    result.save(task.state)
    result.write_artefacts(task.artefacts)
    return task.key


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
    context.reporter.progress(0, 3, "tailings flow paths")
    if len(ponds):
        parts.append(reach.pond_runout(ponds))
    if len(ponds) and dem is not None:
        rule = catalogue.rules["T-OH"]
        half_width_m = catalogue.given("T-OH").get("corridor_half_width_m")
        protected = _of_kind(frames, *rule.object_kinds)
        parts.append(
            reach.tailings_reach(ponds, protected, dem, corridor_half_width_m=half_width_m, length_m=rule.value)
        )
    context.reporter.progress(1, 3, "goaf influence zones")
    if len(goafs):
        # Without an angle the zone is measured as missing, with the reason, and the rule says that it was not applied.
        angles_deg = _movement_angles_deg(context.project, goafs["id"])
        parts.append(reach.goaf_influence(goafs, angles_deg))
        context.reporter.progress(2, 3, "subsidence basins")
        parts.append(find_ground(context, goafs, angles_deg, dem))
    context.state.save("reach", _joined(parts))


def _movement_angles_deg(project: ProjectFile, goafs: Iterable[str]) -> dict[str, float]:
    """Movement angle by goaf: of its own site, else the one given for all."""
    name = "movement_angle_deg"
    given = dict(project.rules.values).get("GOAF-ZONE", {})
    angles = {goaf: given[name] for goaf in goafs if name in given}
    sites = [site for site in project.sites.values() if site.feature and name in site.parameters]
    # The id of a feature begins with its layer's where another layer has the same.
    own = {
        label: site.parameters[name] for site in sites for label in (str(site.feature), f"{site.layer}/{site.feature}")
    }
    return {**angles, **own}


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
    from sxrisk.layers import assign_county
    from sxrisk.rules import apply_rules
    from sxrisk.rules.gaps import gaps_that_silence

    catalogue = context.catalogue()
    layers = context.layers()
    outcome = apply_rules(catalogue, layers, all_measurements(context), as_of=context.project.project.as_of)
    boundary = context.boundary()
    # The county where the finding lies: a pipeline crosses many, its own one says little.
    findings = outcome.findings if boundary is None else assign_county(outcome.findings, boundary)
    findings, changes = compare_with_last(findings, context.last, catalogue)
    findings, register = read_register(findings, context.project, catalogue)
    context.state.save("findings", findings)
    if changes is not None:
        context.state.save("changes", changes)
    context.state.save_json("compared_with", None if changes is None else describe_last(context.last))
    context.state.save_json("register", register)
    context.state.save("not_applied", outcome.not_applied)
    context.state.save("gaps", gaps_that_silence(outcome.not_applied, catalogue, layers))


def _map_region(context: RunContext) -> None:
    from sxrisk import risk

    findings = context.state.load("findings")
    region = context.project.region
    boundary = context.boundary()
    context.state.save("individual_risk", _risk_zones(context))
    context.reporter.progress(0, 3, "heatmap")
    if len(findings):
        (context.folder / "region").mkdir(exist_ok=True)
        with in_place(f"{context.project.path.name}: region.heatmap"):
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
    show_ground(context, _of_kind(context.layers().values(), "goaf"), all_measurements(context), findings)


def _risk_zones(context: RunContext) -> gpd.GeoDataFrame:
    """Where the release scenarios reach the limits that the criteria set on individual risk."""
    from sxrisk.layers import write_layers_gpkg
    from sxrisk.reach import RISK_ZONE, individual_risk_zones

    levels = {rule.value for rule in context.catalogue().rules.values() if rule.engine == "individual_risk"}
    zones = individual_risk_zones(_of_kind(context.layers().values(), "release_scenario"), sorted(levels))
    if len(zones):
        (context.folder / "region").mkdir(exist_ok=True)
        write_layers_gpkg(context.folder / "region" / "individual_risk.gpkg", {RISK_ZONE: zones})
    return zones


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
