"""The site that a chemical unit stands in, and who lives around it."""

from dataclasses import dataclass

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from sxrisk.rules.context import RuleContext
from sxrisk.rules.engines.hazard_installation_settings import HazardInstallationSettings
from sxrisk.rules.features import Selection

__all__ = ["Outline", "Site", "outline_of", "people_around", "sites_of"]

_POLYGONS = (3, 6)


@dataclass(frozen=True)
class Site:
    """Where a unit stands.

    Parameters
    ----------
    key : str
        The same for all rows of one site.
    name : str
        The `site_id` as written.
    row : int
        Row of the enterprise polygon in the feature table; -1 where there is none.
    by_place : bool
        Whether the polygon was found because the unit lies in it.
    ambiguous : bool
        Whether several enterprises go by the id, and the unit lies in none of them, or in several.
    """

    key: str
    name: str
    row: int
    by_place: bool
    ambiguous: bool

    @property
    def told(self) -> bool:
        """Whether an id or a polygon says which site it is."""
        return self.row >= 0 or (bool(self.name) and not self.ambiguous)


@dataclass(frozen=True)
class Outline:
    """What people are counted around: its sigma (m), its polygon, and whether it is the unit's own."""

    sigma: float
    shape: shapely.Geometry
    is_own: bool


def sites_of(context: RuleContext, subjects: Selection) -> list[Site]:
    """Site of each chosen chemical unit.

    It is the enterprise of its `site_id`, by the id as written or behind the name of a layer. Where several enterprises
    go by that id, or where there is no id, it is the one enterprise polygon that the unit lies in.
    """
    table = context.table
    shapes = table.rows["geometry"].to_numpy(dtype=object)
    names = table.text("site_id")
    plants = np.flatnonzero((table.rows["kind"] == "enterprise").to_numpy())
    drawn = plants[np.isin(shapely.get_type_id(shapes[plants]), _POLYGONS)]
    by_name = _by_name(context, plants)
    tree = shapely.STRtree(shapes[drawn])
    is_drawn = set(drawn.tolist())
    found = []
    for row in subjects.positions.tolist():
        name = str(names[row])
        named = by_name.get(name, [])
        fences = [at for at in named if at in is_drawn]
        if name and len(fences) <= 1 and _one_plant(shapes, named, fences):
            at = fences[0] if fences else -1
            found.append(Site(f"row:{at}" if fences else f"id:{name}", name, at, by_place=False, ambiguous=False))
            continue
        around = drawn[np.sort(tree.query(shapely.point_on_surface(shapes[row]), predicate="covered_by"))].tolist()
        if name:
            around = [at for at in around if at in fences]
        if len(around) == 1:
            found.append(Site(f"row:{around[0]}", name, around[0], by_place=not name, ambiguous=False))
            continue
        # Without a site the place itself tells units apart; so it does where the id fits several sites.
        place = f"place:{table.layer_of[row]}:{name}:{shapely.to_wkb(shapes[row], hex=True)}"
        found.append(Site(place, name, -1, by_place=False, ambiguous=bool(name)))
    return found


def _by_name(context: RuleContext, plants: NDArray[np.intp]) -> dict[str, list[int]]:
    """Enterprises by their id as it stands, and by what is behind the layer that was put before it."""
    ids = context.table.rows["id"].to_numpy(dtype=object)
    layers = list(context.table.layers)
    written: dict[str, list[int]] = {}
    behind: dict[str, list[int]] = {}
    for row in plants.tolist():
        written.setdefault(str(ids[row]), []).append(row)
        layer, slash, own = str(ids[row]).partition("/")
        if slash and layer == layers[context.table.layer_of[row]]:
            behind.setdefault(own, []).append(row)
    # An id that stands as written is meant before one that only ends so.
    return behind | written


def _one_plant(shapes: NDArray[np.object_], named: list[int], fences: list[int]) -> bool:
    """Whether enterprises of one id are one plant: a single one, or a fence and points within it."""
    others = [at for at in named if at not in fences]
    return len(named) <= 1 or (len(fences) == 1 and bool(shapely.covers(shapes[fences[0]], shapes[others]).all()))


def outline_of(context: RuleContext, site: Site, rows: tuple[int, ...]) -> Outline | None:
    """The site's outline, else the polygon of one of the unit's rows; None where neither is drawn."""
    shapes = context.table.rows["geometry"].to_numpy(dtype=object)
    sigma = context.table.rows["sigma"].to_numpy(dtype=np.float64)
    if site.row >= 0:
        return Outline(float(sigma[site.row]), shapes[site.row], is_own=False)
    for row in rows:
        if shapely.get_type_id(shapes[row]) in _POLYGONS:
            return Outline(float(sigma[row]), shapes[row], is_own=True)
    return None


def people_around(
    context: RuleContext, settings: HazardInstallationSettings, outlines: list[Outline], objects: Selection
) -> pd.DataFrame:
    """People around each outline: see :func:`sxrisk.reach.population_within`."""
    from sxrisk.reach.exposure import population_within

    table = context.table
    kinds = table.rows["kind"].to_numpy(dtype=object)
    homes = objects.positions[kinds[objects.positions] != "enterprise"]
    rows = table.rows.iloc[homes]
    people, households = (table.column(name)[homes] for name in ("population", "households"))
    shapes = rows["geometry"].to_numpy(dtype=object)
    is_building = (rows["kind"] == "building").to_numpy()
    has_number = np.isfinite(people) | np.isfinite(households)
    uses = table.text("building_use")[homes]
    nobody_lives = is_building & np.isin(uses.astype("U"), settings.uses_without_residents)
    # The village has a number of its own for its houses.
    covered = is_building & ~has_number & _covered(shapes, shapes[~is_building])
    counted = ~covered & ~(nobody_lives & ~np.isfinite(people))
    places = gpd.GeoDataFrame(
        {
            "kind": rows["kind"].to_numpy(dtype=object)[counted],
            "population": people[counted],
            "households": households[counted],
            "position_sigma_m": rows["sigma"].to_numpy(dtype=np.float64)[counted],
        },
        geometry=shapes[counted],
        crs=4490,
    )
    sites = gpd.GeoDataFrame(
        {"position_sigma_m": [outline.sigma for outline in outlines]},
        geometry=[outline.shape for outline in outlines],
        crs=4490,
    )
    return population_within(sites, places, float(settings.population_distance_m or 0.0))


def _covered(shapes: NDArray[np.object_], villages: NDArray[np.object_]) -> NDArray[np.bool_]:
    """Which shapes have their middle in a village that is drawn as an area."""
    areas = villages[np.isin(shapely.get_type_id(villages), _POLYGONS)]
    covered = np.zeros(len(shapes), dtype=bool)
    if len(areas):
        covered[shapely.STRtree(areas).query(shapely.point_on_surface(shapes), predicate="covered_by")[0]] = True
    return covered
