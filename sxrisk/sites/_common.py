"""What terrain sites share: surface and scene, change, sections, rows of measurements."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import numpy.typing as npt
import pyproj
import xarray as xr
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree
from shapely import LineString

from sxrisk.change import M3C2Result, m3c2, moving_bodies
from sxrisk.crs import move_geometries
from sxrisk.errors import GeometryError
from sxrisk.findings import GEOGRAPHIC_CRS, measurement
from sxrisk.sites._epochs import Epoch
from sxrisk.surfaces import Mesh, Section, section

__all__ = [
    "SCENE_FACES",
    "Rows",
    "change_between",
    "change_fields",
    "cross_sections",
    "plan_outline",
    "without_islands",
]

Floats = npt.NDArray[np.float64]

SCENE_FACES = 150_000
# A vector that goes along the surface by less than this many of its sigmas may be none.
_SIGMAS = 4.0
# Pieces of a mesh with a smaller share of its faces are specks that a beam caught between bushes.
ISLAND_SHARE = 0.001


@dataclass
class Rows:
    """Rows of measurements of one site, with its geometry brought to geographic coordinates.

    Parameters
    ----------
    kind, site_id : str
        The subject.
    crs : pyproj.CRS or None
        System of the geometries that are put in; without one the rows have no geometry.
    """

    kind: str
    site_id: str
    crs: Any
    rows: list[dict[str, Any]] = field(default_factory=list)

    def add(
        self, metric: str, value: float, unit: str, *, sigma: float = float("nan"), epoch: datetime | None = None,
        method: str = "", geometry: Any = None, object_id: str = "",
    ) -> None:  # fmt: skip
        """Add one measurement; `geometry` in the site's coordinates, `object_id` the body it is about."""
        self.rows.append(
            measurement(
                self.kind,
                self.site_id,
                metric,
                float(value),
                unit,
                sigma=float(sigma),
                epoch=epoch,
                method=method,
                geometry=self._geographic(geometry),
                object_kind="moving_body" if object_id else "",
                object_id=object_id,
            )
        )

    def _geographic(self, geometry: Any) -> Any:
        if geometry is None or self.crs is None:
            return None
        return move_geometries(geometry, self.crs, GEOGRAPHIC_CRS)


def plan_outline(outline: Any, outline_crs: Any, crs: Any) -> Any:
    """The site's outline as a shapely polygon in the scans' coordinates; None stays None.

    Raises
    ------
    GeometryError
        If it is no polygon, or the scans' system is unknown while the outline's is given.
    CRSError
        If one of the two systems cannot be placed on the earth.
    """
    if outline is None:
        return None
    if outline.geom_type not in ("Polygon", "MultiPolygon") or outline.is_empty:
        raise GeometryError(f"the outline is a {outline.geom_type}", where="outline", expected="a polygon")
    if outline_crs is None:
        return outline
    if crs is None:
        raise GeometryError(
            "the outline has coordinates in a known system, the scans do not",
            where="outline",
            expected="scans in a known coordinate system",
            remedy="Give crs for the scans",
        )
    if pyproj.CRS.from_user_input(outline_crs).equals(crs, ignore_axis_order=True):
        return outline
    return move_geometries(outline, pyproj.CRS.from_user_input(outline_crs), crs)


def change_between(
    first: Epoch, last: Epoch, change_parameters: Mapping[str, Any], rows: Rows, *, min_area_m2: float
) -> tuple[M3C2Result, dict[str, Any]]:
    """M3C2 of the last epoch against the first, measurements of the bodies that moved, and the summary of it."""
    change = m3c2(first.scan, last.scan, **change_parameters)
    elapsed: timedelta | None = None
    if first.scan.epoch is not None and last.scan.epoch is not None:
        elapsed = last.scan.epoch - first.scan.epoch
    days = None if elapsed is None else elapsed.total_seconds() / 86_400.0
    # Windows of relief over a whole site take minutes; what moves along its surface alone is left to the command.
    found = moving_bodies(change, first.scan, last.scan, min_area_m2=min_area_m2, along_surface=False)
    bodies = found[found["area_plan_m2"] >= min_area_m2].to_dict("records")
    epoch = last.scan.epoch
    moved = float(sum(body["area_plan_m2"] for body in bodies))
    rows.add("moved_area", moved, "m2", epoch=epoch, method="m3c2")
    reports = []
    for body in bodies:
        rate, sigma = _rate(body, days)
        where = {"epoch": epoch, "method": "m3c2", "geometry": body["geometry"], "object_id": body["body_id"]}
        rows.add("body_area", body["area_plan_m2"], "m2", **where)
        rows.add("body_volume", body["volume_m3"], "m3", sigma=body["volume_sigma_m3"], **{**where, "method": "tin"})
        rows.add("mean_displacement", body["median_distance_m"] * 1e3, "mm", sigma=body["distance_sigma_m"] * 1e3,
                 **where)  # fmt: skip
        if np.isfinite(rate):
            rows.add("displacement_rate", rate, "mm/d", sigma=sigma, **where)
        reports.append(_report(body, rate))
    known = change.reason == 0
    return change, {
        "parameters": dict(change.parameters),
        "core_points": len(change.distance),
        "measured_share": round(float(known.mean()), 4),
        "significant_share": round(float(change.significant[known].mean()), 4) if known.any() else None,
        "median_lod95_m": round(float(np.median(change.lod95[known])), 5) if known.any() else None,
        "registration_sigma_m": round(float(change.registration_sigma_m), 6),
        "registration_unknown": bool(change.registration_unknown),
        "days": days,
        "moved_area_m2": round(moved, 2),
        "bodies": reports,
    }


def _rate(body: Mapping[str, Any], days: float | None) -> tuple[float, float]:
    """Rate of a surface that moved and its 1 sigma, mm a day: of its vector where that goes along the surface too, else
    along the normal; NaN for loss and gain, which have none, and without dates.
    """
    if body["motion"] != "movement" or not days or days <= 0:
        return float("nan"), float("nan")
    length, sigma = abs(body["median_distance_m"]), body["distance_sigma_m"]
    if body["along_m"] > _SIGMAS * body["sigma_along_m"]:
        vector = np.array([body[f"{name}_m"] for name in ("east", "north", "up")])
        errors = np.array([body[f"sigma_{name}_m"] for name in ("east", "north", "up")])
        length = float(np.linalg.norm(vector))
        sigma = float(np.linalg.norm(vector * errors)) / length
    return length * 1e3 / days, sigma * 1e3 / days


def _report(body: Mapping[str, Any], rate: float) -> dict[str, Any]:
    """A body as the summary tells it."""
    values = {
        "area_m2": body["area_plan_m2"],
        "mean_m": body["median_distance_m"],
        "mean_sigma_m": body["distance_sigma_m"],
        "greatest_m": body["max_distance_m"],
        "volume_m3": body["volume_m3"],
        "volume_sigma_m3": body["volume_sigma_m3"],
        "rate_mm_per_day": rate,
    }
    return {
        "id": body["body_id"],
        "kind": body["motion"],
        "class": body["class"],
        "class_reason": body["class_reason"],
        "n": body["n_core_points"],
        # JSON knows no NaN, and NaN would make two equal summaries differ.
        **{name: round(value, 5) if np.isfinite(value) else None for name, value in values.items()},
        "centre": [round(body[name], 3) for name in ("x_m", "y_m", "z_m")],
    }


def change_fields(mesh: Mesh, change: M3C2Result) -> Mesh:
    """The mesh with ``change_m``, ``lod95_m`` and ``significant``, each from the core points around its vertices.

    Three nearest core points, weighted by inverse distance; NaN (0 for `significant`) where none lies within two core
    spacings.
    """
    known = change.reason == 0
    n = len(mesh.vertices)
    if not known.any():
        return mesh.with_fields(change_m=np.full(n, np.nan), lod95_m=np.full(n, np.nan), significant=np.zeros(n, "u1"))
    count = min(3, int(known.sum()))
    # The mesh shows the later surface: a core point is looked up where its surface has gone.
    arrived = change.core_points[known] + change.normals[known] * change.distance[known, None]
    tree = cKDTree(arrived - mesh.origin)
    reach = 2.0 * float(change.parameters["core_spacing_m"])
    distance, index = tree.query(mesh.vertices - mesh.origin, k=np.arange(1, count + 1), distance_upper_bound=reach,
                                 workers=-1)  # fmt: skip
    found = np.isfinite(distance)
    weight = np.where(found, 1.0 / np.maximum(distance, 1e-3), 0.0)
    total = weight.sum(axis=1)
    index = np.where(found, index, 0)

    def carried(values: Floats) -> Floats:
        summed = (weight * values[known][index]).sum(axis=1)
        return np.divide(summed, total, out=np.full(n, np.nan), where=total > 0)

    votes = np.nan_to_num(carried(change.significant.astype(np.float64)))
    return mesh.with_fields(
        change_m=carried(change.distance), lod95_m=carried(change.lod95), significant=(votes > 0.5).astype(np.uint8)
    )


def without_islands(mesh: Mesh, share: float = ISLAND_SHARE) -> Mesh:
    """The mesh without its pieces that have less than `share` of all faces, and without loose vertices."""
    n = len(mesh.vertices)
    ends = np.column_stack([mesh.faces[:, [0, 1]], mesh.faces[:, [1, 2]]]).reshape(-1, 2)
    graph = coo_matrix((np.ones(len(ends), dtype=np.int8), (ends[:, 0], ends[:, 1])), shape=(n, n))
    _, piece = connected_components(graph, directed=False)
    home = piece[mesh.faces[:, 0]]
    faces = mesh.faces[np.bincount(home)[home] >= share * len(home)]
    used, renumbered = np.unique(faces, return_inverse=True)
    fields = {name: values[used] for name, values in mesh.vertex_fields.items()}
    return Mesh(mesh.vertices[used], renumbered.reshape(-1, 3).astype(np.int32), crs=mesh.crs, vertex_fields=fields)


def cross_sections(surfaces: Mapping[str, Mesh | xr.DataArray], outline: Any) -> list[Section]:
    """Two sections through the middle of the outline, along its long side and across it."""
    box = outline.minimum_rotated_rectangle
    corners = np.asarray(box.exterior.coords)[:4]
    middle = np.asarray(box.centroid.coords[0])
    sides = [corners[1] - corners[0], corners[2] - corners[1]]
    sides.sort(key=lambda side: -float(np.hypot(*side)))
    cuts = []
    for name, side in zip("AB", sides, strict=True):
        # From west to east, or from south to north: the same whichever corner the rectangle starts with.
        along = side if (side[0], side[1]) > (0.0, 0.0) else -side
        ends = LineString([middle - 0.6 * along, middle + 0.6 * along])
        cuts.append(section(dict(surfaces), ends, name=name))
    return [cut for cut in cuts if cut.profiles]


def along_outline(outline: Any, step_m: float) -> Floats:
    """Points (n, 2) on the outer ring of the largest part of a polygon, about `step_m` apart."""
    polygon = max(getattr(outline, "geoms", [outline]), key=lambda part: part.area)
    ring = polygon.exterior
    n = max(int(ring.length / step_m), 8)
    return np.array([ring.interpolate(i / n, normalized=True).coords[0] for i in range(n)])


def sample_grid(grid: xr.DataArray, points: Sequence[Any] | Floats) -> Floats:
    """Elevation (n,) at points (n, 2), bilinear; NaN where a cell around is unknown."""
    from scipy.ndimage import map_coordinates

    from sxrisk.surfaces.grids import cell_size_m

    places = np.asarray(points, dtype=np.float64)
    cell = cell_size_m(grid)
    rows = (float(grid.y[0]) - places[:, 1]) / cell
    columns = (places[:, 0] - float(grid.x[0])) / cell
    return np.asarray(map_coordinates(grid.values, [rows, columns], order=1, cval=np.nan))
