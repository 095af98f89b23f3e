"""Subsidence above goafs: measurements for the rules, boundaries and rasters for the maps, from what is declared."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
import xarray as xr
from pyproj import CRS

from sxrisk.errors import GeometryError, ParameterError

if TYPE_CHECKING:
    from sxrisk.reach.subsidence import Declaration, GroundField, Movement

__all__ = [
    "GROUND_OBJECTS",
    "SUBSIDENCE_ZONE",
    "Ground",
    "ground_of",
    "read_basin",
    "terrain_zones",
    "write_ground",
    "write_things",
]

#: Kind of the layer of boundaries.
SUBSIDENCE_ZONE = "subsidence_zone"
#: Kinds that may stand in a basin and have a criterion on it.
GROUND_OBJECTS = (
    "building", "school", "hospital", "crowd_place", "settlement", "road", "railway", "river", "pipeline",
    "pipeline_facility", "gas_pipe", "water_pipe", "heat_pipe", "power_line", "substation",
)  # fmt: skip
_GRADING = ("BD-GRADE", "BD-EARTH", "GOAF-MOVE")
_BANDS = (
    "subsidence_mm", "tilt", "curvature_max", "curvature_min", "displacement_x_mm", "displacement_y_mm",
    "strain_max", "strain_min", "strain_azimuth_deg",
)  # fmt: skip
# Contours of subsidence, mm, by which a map is read.
_CONTOURS_MM = (50.0, 100.0, 200.0, 500.0, 1000.0, 2000.0, 3000.0, 5000.0)
_MOST_NODES = 4_000_000


@dataclass(frozen=True)
class Ground:
    """What the goafs of a project do to the ground.

    Parameters
    ----------
    measurements : GeoDataFrame
        For the rules, measurements schema.
    things : GeoDataFrame
        Every thing in a basin with its movements, see :func:`sxrisk.reach.consequence.ground_consequence`.
    zones : GeoDataFrame
        Boundaries and contours in EPSG:4490: a canonical layer of kind :data:`SUBSIDENCE_ZONE` with ``criterion``,
        ``limit``, ``unit``, ``area_m2``.
    basins : mapping of str to Dataset
        Rasters by the first goaf of each group, in its local projection.
    """

    measurements: gpd.GeoDataFrame
    things: gpd.GeoDataFrame
    zones: gpd.GeoDataFrame
    basins: Mapping[str, xr.Dataset]


def ground_of(
    goafs: gpd.GeoDataFrame,
    layers: Sequence[gpd.GeoDataFrame],
    catalogue: Any,
    values: Mapping[str, float | bool],
    by_goaf: Mapping[str, Mapping[str, float | bool]] | None = None,
    *,
    as_of: date,
    movement: "Movement" = "final",
    cell_m: float = 10.0,
) -> Ground:
    """Basins of the goafs, and what they do to the things in them.

    Parameters
    ----------
    goafs : GeoDataFrame
        Canonical layer of kind goaf.
    layers : sequence of GeoDataFrame
        Canonical layers of everything else; kinds of :data:`GROUND_OBJECTS` are taken.
    catalogue : Catalogue
        Whose limits draw the boundaries.
    values, by_goaf, as_of, movement
        See :func:`sxrisk.reach.subsidence.declared_panels`.
    cell_m : float
        Cells of the rasters, metres; larger where a group would have more than 4 million.

    Returns
    -------
    Ground

    Raises
    ------
    ParameterError
        If something declared cannot be used.
    """
    from sxrisk.reach.consequence import ground_measurements
    from sxrisk.reach.subsidence import declared_panels, subsidence_basin

    if not cell_m > 0:
        raise ParameterError(f"cells of {cell_m} m", where="cell_m", expected="more than 0")
    declared = declared_panels(goafs, values, by_goaf, as_of=as_of, movement=movement)
    things = [part for frame in layers if len(part := frame[frame["kind"].isin(GROUND_OBJECTS)])]
    columns = ["kind", "id", "name", "geometry"]
    objects = (
        pd.concat([part[columns] for part in things], ignore_index=True)
        if things
        else gpd.GeoDataFrame(columns=columns, geometry="geometry", crs=4490)
    )
    least_mm = float(catalogue.rules["GOAF-BASIN"].value)
    measurements, table = ground_measurements(declared, objects, least_mm=least_mm)
    basins, parts = {}, [_collapse_rows(declared)]
    for field in declared.fields:
        west, south, east, north = field.reach.bounds
        cell = max(cell_m, float(np.sqrt((east - west) * (north - south) / _MOST_NODES)))
        basin = subsidence_basin(list(field.panels.values()), cell, crs=field.crs)
        basins[next(iter(field.panels))] = basin
        parts.append(_zone_rows(field, basin, catalogue))
    return Ground(measurements, table, _canonical([row for part in parts for row in part]), basins)


def terrain_zones(goafs: gpd.GeoDataFrame, angles_deg: Mapping[str, float], terrain: xr.DataArray) -> gpd.GeoDataFrame:
    """Movement-angle zones on the real terrain, as a layer like :attr:`Ground.zones`.

    Parameters
    ----------
    goafs : GeoDataFrame
        Canonical layer of kind goaf with `depth_m`.
    angles_deg : mapping of str to float
        Movement angle by id.
    terrain : xarray.DataArray
        Heights with a projected CRS, metres.

    Returns
    -------
    GeoDataFrame
        Goafs whose lines do not come out inside the terrain are left out.
    """
    from sxrisk.crs import move_geometries
    from sxrisk.reach.subsidence import terrain_boundary

    crs = CRS.from_user_input(terrain.rio.crs)
    rows = []
    for goaf in goafs.itertuples():
        depth = float(getattr(goaf, "depth_m", np.nan))
        if str(goaf.id) not in angles_deg or not depth > 0 or goaf.geometry.geom_type != "Polygon":
            continue
        plan = move_geometries(np.array([goaf.geometry], dtype=object), 4490, crs)[0]
        middle = plan.centroid
        surface = float(terrain.interp(x=middle.x, y=middle.y))
        angle = float(angles_deg[str(goaf.id)])
        dip = float(getattr(goaf, "dip_deg", 0.0) or 0.0)
        azimuth = float(getattr(goaf, "dip_direction_deg", np.nan) or np.nan)
        sloping = {"dip_deg": dip, "dip_azimuth_deg": azimuth} if dip > 0 and np.isfinite(azimuth) else {}
        try:
            zone = terrain_boundary(plan, surface - depth, angle, terrain, **sloping)
        except GeometryError:
            continue
        back = move_geometries(np.array([zone], dtype=object), crs, 4490)[0]
        rows.append(_row(str(goaf.id), "movement_angle", angle, "deg", zone.area, back))
    return _canonical(rows)


def write_ground(folder: Path, ground: Ground) -> list[Path]:
    """Write rasters (COG, a file a group of goafs, a band a quantity) and boundaries.

    Parameters
    ----------
    folder : Path
        Made if it is not there.
    ground : Ground

    Returns
    -------
    list of Path
        ``subsidence_<goaf>.tif`` and ``subsidence_zones.gpkg``; what is empty is not written.

    Raises
    ------
    OutputError
        If a file cannot be written.
    """
    from sxrisk.layers import write_layers_gpkg
    from sxrisk.risk import write_heatmap

    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for goaf, basin in ground.basins.items():
        bands = xr.concat([basin[name] for name in _BANDS], dim="band").assign_coords(band=np.arange(len(_BANDS)) + 1)
        bands = bands.transpose("band", "y", "x").rio.write_crs(basin.rio.crs)
        bands.attrs = {"long_name": tuple(f"{name} [{basin[name].attrs['units']}]" for name in _BANDS)}
        written.append(write_heatmap(folder / f"subsidence_{_safe(goaf)}.tif", bands))
    if len(ground.zones):
        path = folder / "subsidence_zones.gpkg"
        write_layers_gpkg(path, {SUBSIDENCE_ZONE: ground.zones})
        written.append(path)
    return written


def write_things(path: Path, things: pd.DataFrame, findings: gpd.GeoDataFrame) -> Path:
    """Write the table of everything that stands in a basin: its movements, and the grade that the rules gave it.

    Parameters
    ----------
    path : Path
        CSV, UTF-8 with a mark, as spreadsheets want it.
    things : DataFrame
        From :attr:`Ground.things`.
    findings : GeoDataFrame
        Findings schema.

    Returns
    -------
    Path

    Raises
    ------
    OutputError
        If it cannot be written.
    """
    from sxrisk.products.atomic import replaced_whole

    plain = things.drop(columns=[c for c in things if str(c).startswith("place_") or c == "geometry"])
    graded = findings[findings["rule_id"].isin(_GRADING)]
    told = graded.set_index(["object_kind", "object_id"])[["rule_id", "result", "status"]]
    told = told[~told.index.duplicated()].reindex(pd.MultiIndex.from_frame(plain[["kind", "id"]].astype("str")))
    plain = plain.assign(
        rule_id=told["rule_id"].to_numpy(), grade=told["result"].to_numpy(), status=told["status"].to_numpy()
    )
    with replaced_whole(path) as partial:
        plain.to_csv(partial, index=False, encoding="utf-8-sig", float_format="%.6g")
    return path


def read_basin(folder: Path, goaf: str) -> xr.DataArray:
    """Subsidence in mm of a group of goafs, as :func:`write_ground` wrote it."""
    import rioxarray

    raster: Any = rioxarray.open_rasterio(folder / f"subsidence_{_safe(goaf)}.tif")
    with raster:
        # Into memory: an open file would hold the run folder on Windows.
        band: xr.DataArray = raster.sel(band=1, drop=True).load()
    return band


def _safe(name: str) -> str:
    return "".join(letter if letter.isalnum() or letter in "-_." else "_" for letter in name)


def _row(goaf: str, criterion: str, limit: float, unit: str, area_m2: float, geometry: Any) -> dict[str, Any]:
    return {"id": f"{goaf}/{criterion}/{limit:g}", "name": goaf, "criterion": criterion, "limit": limit, "unit": unit,
            "area_m2": area_m2, "geometry": geometry}  # fmt: skip


def _collapse_rows(declared: "Declaration") -> list[dict[str, Any]]:
    from sxrisk.crs import GEOD

    return [
        _row(
            str(zone.id),
            "collapse",
            zone.reach_m,
            "m",
            abs(GEOD.geometry_area_perimeter(zone.geometry)[0]),
            zone.geometry,
        )
        for zone in declared.zones.itertuples()
    ]


def _zone_rows(field: "GroundField", basin: xr.Dataset, catalogue: Any) -> list[dict[str, Any]]:
    """Boundaries by the limits of the catalogue, and contours, of one group of goafs."""
    from sxrisk.reach.subsidence import movement_boundary

    rules = catalogue.rules
    limits = [("basin", "subsidence_mm", float(rules["GOAF-BASIN"].value))]
    layer_of = {"horizontal_strain": "strain", "curvature": "curvature", "tilt": "tilt"}
    for index in rules["GOAF-MOVE"].settings["indices"]:
        limits.append((f"by_{index['metric']}", layer_of[index["metric"]], float(index["bounds"][0])))
    deepest = float(basin["subsidence_mm"].max())
    limits += [("contour", "subsidence_mm", level) for level in _CONTOURS_MM if level < deepest]
    goaf = " ".join(field.panels)
    rows = []
    for criterion, layer, limit in limits:
        zone = movement_boundary(basin, {layer: limit}).iloc[0]
        if not zone.geometry.is_empty:
            rows.append(_row(goaf, criterion, limit, zone["unit"], zone["area_m2"], field.back(zone.geometry)))
    moving = [row["geometry"] for row in rows if row["criterion"].startswith("by_")]
    if moving:
        # The outermost of the three.
        outermost = shapely.union_all(moving)
        rows.append(_row(goaf, "dangerous_movement", np.nan, "", float(field.forward(outermost).area), outermost))
    return rows


def _canonical(rows: Sequence[Mapping[str, Any]]) -> gpd.GeoDataFrame:
    names = ["id", "name", "kind", "county", "position_sigma_m", "crs_source", "criterion", "limit", "unit", "area_m2"]
    table = pd.DataFrame(list(rows), columns=[*(n for n in names if n not in _FIXED), "geometry"]).assign(**_FIXED)
    return gpd.GeoDataFrame(table[[*names, "geometry"]], geometry="geometry", crs=4490)


_FIXED: Mapping[str, Any] = {
    "kind": SUBSIDENCE_ZONE,
    "county": "",
    "position_sigma_m": np.nan,
    "crs_source": "cgcs2000",
}
