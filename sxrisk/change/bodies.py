"""Moving bodies: where the ground changed as one, how far, how much of it, and what it is."""

from pathlib import Path
from typing import Any, NamedTuple

import geopandas as gpd
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sxrisk.change._body_classes import class_of, ends_of_slides, pair_bodies
from sxrisk.change._body_normals import spans_surface
from sxrisk.change._body_parts import changed_parts, outline_of, sliding_parts
from sxrisk.change._body_rows import body_row
from sxrisk.change._body_volumes import MASS_THICKNESS_M, Solid
from sxrisk.change.result import M3C2Result
from sxrisk.errors import ParameterError
from sxrisk.scans.cloud import Cloud
from sxrisk.surfaces.mesh import Mesh

__all__ = ["COLUMNS", "Bodies", "label_bodies", "moving_bodies"]

Floats = NDArray[np.float64]

#: Columns of the table of bodies, before its geometry.
COLUMNS: tuple[str, ...] = (
    "body_id", "class", "class_reason", "motion", "n_core_points", "area_m2", "area_plan_m2", "volume_m3",
    "volume_sigma_m3", "x_m", "y_m", "z_m", "mean_distance_m", "median_distance_m", "distance_sigma_m",
    "max_distance_m", "significance", "east_m", "north_m", "up_m", "sigma_east_m", "sigma_north_m", "sigma_up_m",
    "covariance_en_m2", "covariance_eu_m2", "covariance_nu_m2", "along_m", "sigma_along_m", "displacement_reason",
    "rotation_deg", "sigma_rotation_deg", "axis_east", "axis_north", "axis_up", "sigma_axis_deg", "rotation_reason",
    "slope_deg", "normal_x", "normal_y", "normal_z", "unseen_share", "paired_with", "bulking_ratio",
)  # fmt: skip

# A thick body whose volume is less than this share of its area times its thickness is none: a cylinder that reaches
# over an edge meets another face, while the surface itself stands where it stood.
_CONFIRMED_SHARE = 0.25
_SAME_SHARE = 0.3  # of a smaller part inside a body that was followed over it: no body of its own
_SWALLOWED = 0.5  # of a part of significant change inside a slide: its own relief moved


class Bodies(NamedTuple):
    """What :func:`label_bodies` finds.

    Parameters
    ----------
    table : GeoDataFrame
        As of :func:`moving_bodies`.
    label : (m,) int64
        Number of the body at each core point (1 for B1), 0 for none.
    solids : dict
        What lies between both surfaces, by ``body_id``.
    """

    table: gpd.GeoDataFrame
    label: NDArray[np.int64]
    solids: dict[str, Solid]

    def mesh(self, body_id: str) -> Mesh:
        """The closed mesh of a body, between its surface before and after; it encloses ``volume_m3`` without its sign.

        Where a thin body's two surfaces cross, as noise makes them, the mesh crosses itself there.

        Parameters
        ----------
        body_id : str
            Of the table.

        Returns
        -------
        Mesh
            Watertight, in the coordinates of the clouds, faces looking outward.

        Raises
        ------
        ParameterError
            If there is no such body.
        """
        if body_id not in self.solids:
            raise ParameterError(
                f"there is no body {body_id!r}", expected=", ".join(self.solids) or "a body: none moved"
            )
        return self.solids[body_id].mesh(self.table.crs)

    def write_meshes(self, folder: str | Path, ending: str = ".ply") -> list[Path]:
        """Write a mesh a body, ``B1.ply`` and so on, into a folder that is made; those of an earlier run there go.

        Parameters
        ----------
        folder : str or Path
        ending : str
            One of those of :meth:`sxrisk.surfaces.Mesh.write`.

        Returns
        -------
        list of Path

        Raises
        ------
        ParameterError, OutputError
            As of :meth:`sxrisk.surfaces.Mesh.write`.
        """
        target = Path(folder)
        target.mkdir(parents=True, exist_ok=True)
        for old in target.glob(f"B[0-9]*{ending}"):
            if old.name[1 : -len(ending)].isdigit():
                old.unlink()
        return [self.mesh(body_id).write(target / f"{body_id}{ending}") for body_id in self.solids]


def moving_bodies(
    result: M3C2Result,
    before: Cloud,
    after: Cloud,
    *,
    min_area_m2: float = 4.0,
    along_surface: bool = True,
    window_m: float | None = None,
    max_motion_m: float | None = None,
) -> gpd.GeoDataFrame:
    """
    Bodies that moved between two epochs, largest volume first, each with its size, its motion and what it is.

    Neighbouring core points whose change is significant, in the greater part of their neighbourhood and with one sign,
    make a body. Ground that slid along itself shows no change along its normal: it is found by windows of relief that
    moved alike (:func:`sxrisk.change.surface_motion`). The volume is that of the closed mesh between both triangulated
    surfaces over the body's own plane, so that a scar on a wall or below an overhang is measured as one in a floor.

    Loss and gain are told by the side that the normals of `result` face: where rock overhangs, orient them by stations
    or a direction, for "up" is into the rock there. Core points around which the reference holds no more than one line
    of the scan have no normal to trust, and make no body.

    Parameters
    ----------
    result : M3C2Result
        After against before.
    before, after : Cloud
        The two epochs, registered, in metres.
    min_area_m2 : float
        Smaller bodies are left out, area of the surface.
    along_surface : bool
        Whether motion along the surface is looked for where nothing changed along the normal.
    window_m, max_motion_m : float, optional
        Of that search; by default a window of ten core spacings, or more where points are few, and a quarter of it.

    Returns
    -------
    GeoDataFrame
        A row a body, geometry its outline in plan. ``body_id`` (B1 is the largest), ``class`` (rockfall, deposit,
        slide, settlement, heave) and ``class_reason``; ``motion``: movement of a surface, or loss or gain of material
        thicker than 0.3 m; ``n_core_points``; ``area_m2`` (of the surface), ``area_plan_m2``; ``volume_m3`` (signed:
        what came less what went) and ``volume_sigma_m3``; centroid ``x_m``, ``y_m``, ``z_m``; ``mean_distance_m``,
        ``median_distance_m``, ``max_distance_m`` along the normal, ``distance_sigma_m`` of the mean (registration
        included), ``significance`` (mean by sigma); displacement ``east_m``, ``north_m``, ``up_m`` of surfaces that
        moved, with sigmas and covariances, ``along_m`` of it along the surface: NaN with ``displacement_reason`` where
        the relief does not determine it or the material itself is gone, the mean of the windows where a slide did not
        move as one; of a rigid turn about the body's middle ``rotation_deg`` and ``sigma_rotation_deg``, and where it
        stands out from that the axis (right-handed) ``axis_east``, ``axis_north``, ``axis_up`` and ``sigma_axis_deg``,
        else ``rotation_reason``; ``slope_deg`` and normal; ``unseen_share``:
        of its footprint spanned between points; ``paired_with``: the deposit of a rockfall (and back), the slide whose
        head or toe it is; ``bulking_ratio``: volume of a deposit by that of its sources.

    Raises
    ------
    ParameterError
        If a size is not positive.
    CRSError
        If the clouds are not in metres.

    References
    ----------
    Lague, Brodu, Leroux (2013), ISPRS J. 82, 10-26. Tonini, Abellan (2014), J. Spatial Inf. Sci. 8, 95-110, on rockfall
    by clusters of change. Chen, Medioni (1992), Image Vision Comput. 10, 145-155, on fits. Corominas (1996),
    Can. Geotech. J. 33, 260-271, on the angle of reach.

    Examples
    --------
    >>> import numpy as np, sxrisk as sx
    >>> rng = np.random.default_rng(1)
    >>> def cloud(sunk):
    ...     x, y = rng.uniform(0.0, 30.0, (2, 30_000))
    ...     z = rng.normal(0.0, 0.005, x.shape) - sunk * (np.hypot(x - 15.0, y - 15.0) < 6.0)
    ...     return sx.Scan(np.column_stack([x, y, z]))
    >>> first, second = cloud(0.0), cloud(0.1)
    >>> change = sx.m3c2(first, second, core_spacing_m=1.0, normal_radius_m=1.5, cylinder_radius_m=0.5, max_depth_m=1.0,
    ...                  registration_sigma_m=0.001)
    >>> bodies = moving_bodies(change, first, second)
    >>> bodies["class"].tolist(), round(float(bodies["mean_distance_m"][0]), 1)
    (['settlement'], -0.1)
    """
    return label_bodies(result, before, after, min_area_m2=min_area_m2, along_surface=along_surface,
                        window_m=window_m, max_motion_m=max_motion_m).table  # fmt: skip


def label_bodies(
    result: M3C2Result,
    before: Cloud,
    after: Cloud,
    *,
    min_area_m2: float = 4.0,
    along_surface: bool = True,
    window_m: float | None = None,
    max_motion_m: float | None = None,
) -> Bodies:
    """
    The table of :func:`moving_bodies`, the body of each core point, and the closed mesh of each body.

    Parameters
    ----------
    result, before, after, min_area_m2, along_surface, window_m, max_motion_m
        As there.

    Returns
    -------
    Bodies
        ``table``, ``label`` of the core points, and the meshes by ``mesh("B1")`` or ``write_meshes(folder)``.

    Raises
    ------
    ParameterError, CRSError
        As there.
    """
    sizes = {"min_area_m2": min_area_m2, "window_m": window_m, "max_motion_m": max_motion_m}
    for name, value in sizes.items():
        if value is not None and not value > 0:
            raise ParameterError(f"{name} is {value!r}", where="moving_bodies", expected="more than 0")
    before, after = before.require_metres(), after.require_metres()
    part = changed_parts(result, before.origin)
    windows = np.full((len(result), 3), np.nan)
    if along_surface:
        slide, windows = sliding_parts(result, before, after, window_m, max_motion_m)
        part = _merged(part, slide)
    found = _measured(result, part, windows, before, after, min_area_m2, max_motion_m)
    found.sort(key=lambda item: -abs(item[0]["volume_m3"]))
    label = np.zeros(len(result), dtype=np.int64)
    rows, cores, solids = [], {}, {}
    for i, (row, solid, chosen) in enumerate(found, start=1):
        row["body_id"] = f"B{i}"
        label[chosen] = i
        cores[row["body_id"]] = result.core_points[chosen]
        solids[row["body_id"]] = solid
        row["class"], row["class_reason"] = class_of(row)
        rows.append(row)
    pair_bodies(rows)
    ends_of_slides(rows, cores, 3.0 * float(result.parameters["core_spacing_m"]))
    frame = pd.DataFrame(rows, columns=[*COLUMNS, "geometry"])
    return Bodies(gpd.GeoDataFrame(frame, geometry="geometry", crs=result.crs), label, solids)


def _merged(part: NDArray[np.int64], slide: NDArray[np.int64]) -> NDArray[np.int64]:
    """Parts of significant change and slides as one numbering; specks of change inside a slide are its relief."""
    if not slide.any():
        return part
    share = np.bincount(part, slide > 0) / np.maximum(np.bincount(part), 1)
    kept = np.where(share[part] > _SWALLOWED, 0, part)
    return np.where(kept > 0, kept, np.where(slide > 0, slide + int(part.max()), 0))


def _measured(
    result: M3C2Result, part: NDArray[np.int64], windows: Floats, before: Cloud, after: Cloud, min_area_m2: float,
    max_motion_m: float | None,
) -> list[tuple[dict[str, Any], Solid, NDArray[np.int64]]]:  # fmt: skip
    """Columns, solid and core points of each part that is a body."""
    spacing = float(result.parameters["core_spacing_m"])
    least = max(4, 0.25 * min_area_m2 / spacing**2)
    found: list[tuple[dict[str, Any], Solid, NDArray[np.int64]]] = []
    # The largest first: followed beyond its core points it may take in smaller ones, which are no bodies of their own.
    size = np.bincount(part)
    numbers = np.flatnonzero(size >= least)
    numbers = numbers[numbers > 0]
    for number in numbers[np.argsort(-size[numbers], kind="stable")]:
        chosen = np.flatnonzero(part == number)
        chosen = chosen[spans_surface(result, chosen, before)]
        if len(chosen) < least:
            continue
        outline = outline_of(result.core_points[chosen], spacing)
        same = (row for row, _, _ in found if row["motion"] != "movement"
                and row["median_distance_m"] * float(np.median(result.distance[chosen])) > 0)  # fmt: skip
        if any(outline.intersection(row["geometry"]).area > _SAME_SHARE * outline.area for row in same):
            continue
        others = np.flatnonzero((part > 0) & (part != number))
        row, solid = body_row(result, chosen, others, before, after, max_motion_m, windows[chosen])
        thickness = max(MASS_THICKNESS_M, abs(row["median_distance_m"]))
        real = row["motion"] == "movement" or (abs(row["volume_m3"]) > _CONFIRMED_SHARE * row["area_m2"] * thickness)
        if row["area_m2"] >= min_area_m2 and real:
            found.append((row, solid, chosen))
    return found
