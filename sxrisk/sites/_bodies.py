"""Bodies of connected significant change, and their volumes."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

from sxrisk.change import M3C2Result
from sxrisk.scans import Scan
from sxrisk.surfaces.tin import triangulated_heights

__all__ = ["Body", "find_bodies"]

Floats = npt.NDArray[np.float64]

# A change thicker than this is material gone or come, not a surface that creeps: it has no displacement rate.
MASS_THICKNESS_M = 0.3
FINE_CELL_M = 0.2
MAX_FINE_CELLS = 1_000_000
# How far beyond its core points a thick body is followed at first, and at most; how much ground around it the
# triangulation sees.
GROW_M = 5.0
GROW_MOST_M = 80.0
RIM_M = 5.0
# Places hidden from the scanner are spanned if they are no wider; beyond, nobody knows whether anything moved.
SHADOW_M = 8.0
UNSEEN_M = 0.8
# A thick body whose volume is less than this share of its area times its thickness is none: a cylinder that reaches
# over an edge meets another face, while the surface itself stands where it stood.
CONFIRMED_SHARE = 0.1
# Smoothing: a core point votes with the neighbours within this many core spacings.
REACH = 2.0


@dataclass(frozen=True)
class Body:
    """A connected place of significant change.

    Parameters
    ----------
    body_id : str
        ``B1`` for the largest by volume, and so on.
    kind : str
        ``movement`` (a surface that moved), ``loss`` (a scar, a dig) or ``gain`` (a deposit, fresh fill).
    n : int
        Core points.
    area_m2 : float
        Area in plan.
    mean_m, greatest_m : float
        Median and greatest signed change along the normals.
    mean_sigma_m : float
        1 sigma of `mean_m`, registration included.
    volume_m3, volume_sigma_m3 : float
        Volume between the epochs inside it, and its 1 sigma; signed like the change.
    rate_mm_per_day : float
        Median change by the days between the epochs; NaN for loss and gain, or without dates.
    outline : shapely geometry
        In plan, in the scans' coordinates.
    centre : tuple of float
        Mean of its core points.
    """

    body_id: str
    kind: str
    n: int
    area_m2: float
    mean_m: float
    greatest_m: float
    mean_sigma_m: float
    volume_m3: float
    volume_sigma_m3: float
    rate_mm_per_day: float
    outline: Any
    centre: tuple[float, float, float]

    def report(self) -> dict[str, Any]:
        """The body for the summary."""
        names = ("kind", "n", "area_m2", "mean_m", "mean_sigma_m", "greatest_m", "volume_m3", "volume_sigma_m3",
                 "rate_mm_per_day")  # fmt: skip
        values = {name: getattr(self, name) for name in names}
        rounded = {k: _rounded(v) if isinstance(v, float) else v for k, v in values.items()}
        return {"id": self.body_id, **rounded, "centre": [round(v, 3) for v in self.centre]}


def _rounded(value: float) -> float | None:
    # JSON knows no NaN, and NaN would make two equal summaries differ.
    return round(value, 5) if np.isfinite(value) else None


def find_bodies(
    change: M3C2Result, reference: Scan, compared: Scan, *, min_area_m2: float, elapsed: timedelta | None
) -> list[Body]:
    """Connected bodies of significant change, largest volume first.

    Single core points beyond their level of detection are to be expected (5 %); a point counts if the greater part of
    its neighbourhood is beyond as well, with the same sign.

    Parameters
    ----------
    change : M3C2Result
        Later against earlier epoch.
    reference, compared : Scan
        The two clouds, registered.
    min_area_m2 : float
        Bodies smaller in plan are left out.
    elapsed : timedelta, optional
        Time between the epochs.

    Returns
    -------
    list of Body
    """
    spacing = float(change.parameters["core_spacing_m"])
    known = np.flatnonzero(change.reason == 0)
    if not len(known):
        return []
    points = change.core_points[known] - reference.origin
    sign = np.where(change.significant[known], np.sign(change.distance[known]), 0.0)
    pairs = cKDTree(points).query_pairs(REACH * spacing, output_type="ndarray")
    member = _majority(sign, pairs)
    linked = pairs[(member[pairs[:, 0]] != 0) & (member[pairs[:, 0]] == member[pairs[:, 1]])]
    graph = coo_matrix((np.ones(len(linked), dtype=np.int8), (linked[:, 0], linked[:, 1])), shape=(len(points),) * 2)
    _, label = connected_components(graph, directed=False)
    size = np.bincount(label)
    bodies: list[Body] = []
    # The largest first: followed beyond its core points it may take in smaller ones, which are no bodies of their own.
    numbers = np.flatnonzero(size >= max(4, 0.25 * min_area_m2 / spacing**2))
    for number in numbers[np.argsort(-size[numbers], kind="stable")]:
        chosen = known[label == number]
        if member[label == number][0] == 0:
            continue
        outline = _outline(change.core_points[chosen], spacing)
        known_already = any(
            body.mean_m * change.distance[chosen[0]] > 0
            and outline.intersection(body.outline).area > 0.3 * outline.area
            for body in bodies
        )
        if outline.area >= min_area_m2 and not known_already:
            body = _body(change, chosen, outline, reference, compared, spacing, elapsed)
            if body.kind == "movement" or abs(body.volume_m3) > CONFIRMED_SHARE * body.area_m2 * MASS_THICKNESS_M:
                bodies.append(body)
    bodies.sort(key=lambda body: -abs(body.volume_m3))
    return [Body(**{**body.__dict__, "body_id": f"B{i}"}) for i, body in enumerate(bodies, start=1)]


def _majority(sign: Floats, pairs: npt.NDArray[Any]) -> Floats:
    """Sign of each point where it is significant itself or not, if most of its neighbours share it; else 0."""
    n = len(sign)
    count = np.bincount(pairs.ravel(), minlength=n) + 1.0
    total = sign + np.bincount(pairs[:, 0], sign[pairs[:, 1]], n) + np.bincount(pairs[:, 1], sign[pairs[:, 0]], n)
    share = total / count
    return np.where(np.abs(share) > 0.5, np.sign(share), 0.0)


def _outline(points: Floats, spacing: float) -> Any:
    from shapely import MultiPoint

    # A core point stands for the ground half a spacing around it.
    joined = MultiPoint(points[:, :2]).buffer(REACH * spacing)
    return joined.buffer(-(REACH - 0.5) * spacing).simplify(0.1 * spacing)


def _body(
    change: M3C2Result, chosen: npt.NDArray[Any], outline: Any, reference: Scan, compared: Scan, spacing: float,
    elapsed: timedelta | None,
) -> Body:  # fmt: skip
    distance, points = change.distance[chosen], change.core_points[chosen]
    middle = float(np.median(distance))
    thick = float(np.percentile(np.abs(distance), 90)) > MASS_THICKNESS_M
    kind = ("gain" if middle > 0 else "loss") if thick else "movement"
    # The scatter of the points, thinned to those whose cylinders do not overlap, and the registration on top.
    independent = max(len(distance) / 4.0, 1.0)
    spread = 1.4826 * float(np.median(np.abs(distance - middle)))
    sigma = float(np.hypot(spread / np.sqrt(independent), change.registration_sigma_m))
    volume, outline, unseen = _volume(outline, reference, compared, float(np.sign(middle)), thick)
    area = float(outline.area)
    tilt = max(float(np.abs(change.normals[chosen, 2]).mean()), 0.2)
    # A shift along the normal acts on the whole surface; the rim is uncertain by a quarter of a core spacing where the
    # body is thin, by a cell where its edge was followed. What was spanned may be half as thick again.
    rim = FINE_CELL_M * MASS_THICKNESS_M if thick else 0.25 * spacing * abs(middle)
    return Body(
        body_id="",
        kind=kind,
        n=len(chosen),
        area_m2=area,
        mean_m=middle,
        greatest_m=float(distance[np.argmax(np.abs(distance))]),
        mean_sigma_m=sigma,
        volume_m3=volume,
        volume_sigma_m3=float(
            np.linalg.norm(
                [area / tilt * change.registration_sigma_m, rim * outline.length, 0.5 * unseen * abs(volume) / area]
            )
        ),
        rate_mm_per_day=_rate(middle, elapsed) if kind == "movement" else float("nan"),
        outline=outline,
        centre=tuple(float(v) for v in points.mean(axis=0)),  # type: ignore[arg-type]
    )


def _rate(metres: float, elapsed: timedelta | None) -> float:
    days = elapsed.total_seconds() / 86_400.0 if elapsed is not None else 0.0
    return abs(metres) * 1e3 / days if days > 0 else float("nan")


def _volume(outline: Any, reference: Scan, compared: Scan, sign: float, thick: bool) -> tuple[float, Any, float]:
    """Volume of one sign between the two triangulated clouds, the body's outline, and the area spanned between points.

    A triangulation reads the surface between its points without the bias of cell means on steep ground with uneven
    sampling, and spans what was hidden from the scanner. A thick body is followed beyond the core points: M3C2 ends
    where the change is deeper than its cylinder, and its rim averages changed and unchanged ground.
    """
    from scipy.ndimage import binary_dilation, binary_opening, label

    margin = GROW_M if thick else 0.0
    while True:
        x, y, cell = _fine_cells(outline.buffer(margin).bounds)
        inside = _inside(outline, x, y)
        before, after = (_triangulated(scan, x, y, cell) for scan in (reference, compared))
        change = sign * (after - before)
        if not thick:
            break
        with np.errstate(invalid="ignore"):
            places, _ = label(binary_opening(change > MASS_THICKNESS_M, np.ones((3, 3), dtype=bool)))
        joined = np.isin(places, np.setdiff1d(places[inside], 0))
        if not joined.any():
            break
        at_edge = joined[0].any() or joined[-1].any() or joined[:, 0].any() or joined[:, -1].any()
        if at_edge and 2.0 * margin <= GROW_MOST_M:
            margin *= 2.0
            continue
        # The opening took the rim's outermost cells, and the threshold what is thinner: two cells give them back.
        inside = binary_dilation(joined, iterations=2)
        outline = _polygon(joined, float(x[0, 0]) - cell / 2.0, float(y[0, 0]) - cell / 2.0, cell)
        break
    with np.errstate(invalid="ignore"):
        counted = inside & np.isfinite(change) & (change > 0)
    unseen = _far_from_points(x[counted], y[counted], (reference, compared))
    return sign * float(change[counted].sum() * cell**2), outline, float(unseen.sum() * cell**2)


def _far_from_points(x: Floats, y: Floats, scans: tuple[Scan, Scan]) -> npt.NDArray[np.bool_]:
    """Places that in one of the scans lie further from a point than a lookup between neighbours would."""
    far = np.zeros(len(x), dtype=bool)
    if len(x):
        corner = np.array([x.min(), y.min()])
        for scan in scans:
            near = scan.crop((*(corner - RIM_M), x.max() + RIM_M, y.max() + RIM_M)).xyz[:, :2] - corner
            far |= cKDTree(near).query(np.column_stack([x, y]) - corner, workers=-1)[0] > UNSEEN_M
    return far


def _fine_cells(box: tuple[float, float, float, float]) -> tuple[Floats, Floats, float]:
    """Centres of fine cells over a box, rows from the south, and their size."""
    xmin, ymin, xmax, ymax = box
    cell = max(FINE_CELL_M, float(np.sqrt((xmax - xmin) * (ymax - ymin) / MAX_FINE_CELLS)))
    x, y = np.meshgrid(np.arange(xmin + cell / 2, xmax, cell), np.arange(ymin + cell / 2, ymax, cell))
    return x, y, cell


def _triangulated(scan: Scan, x: Floats, y: Floats, cell: float) -> Floats:
    """Heights of a scan's triangulation at the centres of fine cells."""
    corner = (float(x[0, 0]) - cell / 2.0, float(y[0, 0]) - cell / 2.0)
    near = scan.crop((corner[0] - RIM_M, corner[1] - RIM_M, x[0, -1] + RIM_M, y[-1, 0] + RIM_M)).xyz
    return triangulated_heights(near[:, :2], near[:, 2], corner, cell, (x.shape[0], x.shape[1]), max_edge_m=SHADOW_M)


def _inside(outline: Any, x: Floats, y: Floats) -> npt.NDArray[np.bool_]:
    from shapely import contains_xy

    return np.asarray(contains_xy(outline, x, y))


def _polygon(cells: npt.NDArray[np.bool_], xmin: float, ymin: float, cell: float) -> Any:
    """Outline of cells, row 0 in the south."""
    from rasterio.features import shapes
    from rasterio.transform import Affine
    from shapely import union_all
    from shapely.geometry import shape

    place = Affine(cell, 0.0, xmin, 0.0, cell, ymin)
    parts = [shape(found) for found, _ in shapes(cells.astype(np.uint8), mask=cells, transform=place)]
    return union_all(parts).simplify(cell)
