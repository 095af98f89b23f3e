"""Closed cavities: from scans or meshes to a watertight mesh whose volume is an interval."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sxrisk.errors import CRSError, ParameterError
from sxrisk.scans import Scan
from sxrisk.statistics import Z_95
from sxrisk.surfaces._cavity_solids import FaceKinds, closed_mesh
from sxrisk.surfaces._cavity_walls import fit_walls, lift, on_walls, settle, station_misfit
from sxrisk.surfaces._shadows import fill_shadows, puncture, shadow_sides
from sxrisk.surfaces._star import BRIDGED, SEEN, star_solid
from sxrisk.surfaces.mesh import Mesh

__all__ = ["CavityMesh", "mesh_cavity"]

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class CavityMesh:
    """A cavity, and what is known of it.

    Parameters
    ----------
    mesh : Mesh
        Watertight, manifold, normals outward (into the rock); vertex field ``seen`` (1 measured, 0 touches a face that
        is not).
    volume_m3 : float
        Best estimate: the volume of `mesh`.
    volume_low_m3 : float
        Only cones between neighbouring rays count as void: no tripod cone, no non-returns, no sides of shadows; less
        the margin. NaN for a given mesh.
    volume_high_m3 : float
        Shadows and gaps are void as far as the scenario of :func:`mesh_cavity` says; plus the margin. NaN for a given
        mesh.
    margin_m3 : float
        95 % bound of noise, resolution and registration that is in both ends.
    face_kind : (m,) uint8
        Per face of `mesh`: 0 measured wall, 1 bridged (no ray came back), 2 side of a shadow.
    stations : (k, 3) float64
        Places of the scanner; none where they are unknown.
    station_volumes_m3 : (k,) float64
        Volume that each station saw.
    station_misfit_m : float
        Robust standard deviation between the walls of two stations where both saw them: noise and registration
        together. NaN for fewer than two stations.
    seen_share : float
        Measured part of the mesh's area.
    method : str
        ``star_solids``, ``poisson`` (stations unknown) or ``given_mesh``.
    oriented_by : str
        What tells rock from void: ``stations``, ``enclosed space`` (points around a space that cannot be reached from
        outside), ``spanning tree`` (a guess from neighbour to neighbour) or ``faces`` of the given mesh.
    turned_share : float
        Part of the points whose normal looks against the mesh: errors of orientation; 0 with stations, NaN for a given
        mesh.
    """

    mesh: Mesh
    volume_m3: float
    volume_low_m3: float
    volume_high_m3: float
    margin_m3: float
    face_kind: NDArray[np.uint8]
    stations: Floats
    station_volumes_m3: Floats
    station_misfit_m: float
    seen_share: float
    method: str
    oriented_by: str
    turned_share: float

    @property
    def seen(self) -> NDArray[np.bool_]:
        """Which faces of the mesh are measured wall (m,)."""
        return np.asarray(self.face_kind == SEEN)

    def __repr__(self) -> str:
        return (
            f"<CavityMesh: {self.volume_m3:,.1f} m3 ({self.volume_low_m3:,.1f} to {self.volume_high_m3:,.1f}), "
            f"{len(self.stations)} stations, {100.0 * self.seen_share:.1f} % of the wall measured, {self.method}, "
            f"oriented by {self.oriented_by}>"
        )


def mesh_cavity(
    scans: Scan | Sequence[Scan] | Mesh,
    *,
    max_directions: int = 40_000,
    max_gap_steps: float = 2.0,
    max_incidence_deg: float = 88.0,
) -> CavityMesh:
    """
    Watertight mesh and volume of a cavity that was scanned from inside.

    Each station's points give a solid that is star-shaped about the scanner; the cavity is the union of the solids.
    Pillars that the stations saw from different sides stay. Quadratic patches through the points of all stations bring
    the solids to one wall first, because a union of two noisy surfaces keeps the outer one, and give back what flat
    triangles cut off a curved wall.

    **What the interval says.** ``volume_low_m3`` counts only what rays prove. ``volume_high_m3`` follows a stated
    scenario: in every horizontal ring and every upright plane through a station, a shadow is void up to the chord
    between the walls beside it, and a gap is void as far as the farthest wall on its rim within twice the way to it.
    Nothing is assumed beyond that: a side passage whose mouth no station saw is in neither. Both ends hold a margin for
    noise, angular resolution and registration.

    **Without stations** nothing tells rock from void but the points: they get normals away from the space that they
    enclose (or, where they enclose none, by a spanning tree) and a Poisson surface. There the scenario of both ends is
    that each patch without points bulges in or out by a hemisphere over it. A given mesh is only checked, and turned
    where all its faces look inward. ``method`` and ``oriented_by`` of the result say which way was taken.

    Scans must be registered to each other; ``station_misfit_m`` of the result shows how well they are.

    Parameters
    ----------
    scans : Scan, sequence of Scan or Mesh
        Scans with one station each, or with several and the attribute ``station_index``; or scans of which none has
        stations; or a closed mesh from other software. Coordinates in metres.
    max_directions : int
        About how many directions a station keeps; points between them are averaged. Time and memory grow with it.
    max_gap_steps : float
        Directions farther apart than this many steps (a step is the larger of the scanner's and the averaging's) have a
        gap between them.
    max_incidence_deg : float
        A face seen more grazingly than this, from its normal, is the side of a shadow.

    Returns
    -------
    CavityMesh

    Raises
    ------
    ParameterError
        If only some scans have stations, or several and no ``station_index``; or a parameter is out of its range.
    CRSError
        If the scans' coordinate systems differ or are not in metres.
    GeometryError
        If a station does not stand inside what it saw, points do not enclose a cavity, or the mesh is no closed
        surface; with the place.

    References
    ----------
    Kazhdan, M., Hoppe, H. (2013). Screened Poisson surface reconstruction. ACM Transactions on Graphics 32(3), 29.

    Examples
    --------
    >>> import numpy as np
    >>> rng = np.random.default_rng(1)
    >>> rays = rng.normal(size=(20_000, 3))
    >>> rays /= np.linalg.norm(rays, axis=1)[:, None]
    >>> cavity = mesh_cavity(Scan(5.0 * rays, stations=[[0.0, 0.0, 0.0]]))
    >>> round(cavity.volume_m3 / (4 / 3 * np.pi * 5.0**3), 3), cavity.mesh.is_watertight
    (1.0, True)
    """
    if max_directions < 500:
        raise ParameterError(f"max_directions is {max_directions!r}", expected="at least 500")
    if not max_gap_steps >= 2.0:
        raise ParameterError(f"max_gap_steps is {max_gap_steps!r}", expected="at least 2")
    if not 45.0 <= max_incidence_deg < 90.0:
        raise ParameterError(f"max_incidence_deg is {max_incidence_deg!r}", expected="45 to below 90 degrees")
    if isinstance(scans, Mesh):
        return _given(scans)
    scans = [scans] if isinstance(scans, Scan) else list(scans)
    _check_systems(scans)
    if all(scan.stations is None for scan in scans):
        return _without_stations(scans)
    views = _views(scans)
    origin = np.round(views[0][1], 1)
    solids = [
        star_solid(
            xyz - origin,
            station - origin,
            max_directions=max_directions,
            max_gap_steps=max_gap_steps,
            max_incidence_deg=max_incidence_deg,
            where=where,
        )
        for xyz, station, where in views
    ]
    misfit = station_misfit(solids)
    walls = fit_walls(solids)
    solids = on_walls(solids, walls)
    kinds = FaceKinds()
    joined = kinds.union([kinds.solid(s.vertices, s.faces, s.kind) for s in solids])
    proven = kinds.union([kinds.solid(*puncture(s)) for s in solids]).volume()
    proven -= sum(shadow_sides(s, [other for other in solids if other is not s]) for s in solids)
    unseen = kinds.hidden_volume(kinds.union([kinds.solid(*fill_shadows(s)) for s in solids]) - joined)

    xyz, faces, kind = kinds.arrays(joined)
    settled, normals = settle(xyz, faces, kind == SEEN, walls)
    mesh = _mesh(lift(settled, faces, kind == SEEN, normals) + origin, faces, kind, scans[0].crs)
    volume, area = mesh.volume_m3, _face_areas(mesh)
    seen_area = float(area[kind == SEEN].sum())
    lifted = abs(volume - Mesh(settled, faces.astype(np.int32)).volume_m3)
    margin = _margin(lifted, seen_area, misfit, scans, len(solids))
    return CavityMesh(
        mesh=mesh,
        volume_m3=volume,
        volume_low_m3=min(volume, proven) - margin,
        volume_high_m3=volume + unseen + margin,
        margin_m3=margin,
        face_kind=kind,
        stations=np.array([station for _, station, _ in views]),
        station_volumes_m3=np.array([s.volume_m3 for s in solids]),
        station_misfit_m=misfit,
        seen_share=seen_area / float(area.sum()),
        method="star_solids",
        oriented_by="stations",
        turned_share=0.0,
    )


def _without_stations(scans: list[Scan]) -> CavityMesh:
    from sxrisk.surfaces._cavity_unoriented import poisson_cavity

    xyz = np.concatenate([scan.xyz for scan in scans])
    origin = xyz[0].copy()
    found = poisson_cavity(xyz - origin, ", ".join(scan.source for scan in scans if scan.source) or "scans")
    mesh = _mesh(found.vertices + origin, found.faces, found.kind, scans[0].crs)
    area = _face_areas(mesh)
    seen_area = float(area[found.kind == SEEN].sum())
    sigma = max((s.registration_sigma_m for s in scans if s.registration_sigma_m is not None), default=0.0)
    margin = 4.0 * found.unresolved_m3 + Z_95 * sigma / 2.0 * seen_area
    return CavityMesh(
        mesh=mesh,
        volume_m3=mesh.volume_m3,
        volume_low_m3=max(0.0, mesh.volume_m3 - found.doubtful_m3 - margin),
        volume_high_m3=mesh.volume_m3 + found.doubtful_m3 + margin,
        margin_m3=margin,
        face_kind=found.kind,
        stations=np.zeros((0, 3)),
        station_volumes_m3=np.zeros(0),
        station_misfit_m=math.nan,
        seen_share=seen_area / float(area.sum()),
        method="poisson",
        oriented_by=found.oriented_by,
        turned_share=found.turned_share,
    )


def _given(mesh: Mesh) -> CavityMesh:
    """A mesh from other software: nothing tells what of it was measured."""
    faces = mesh.faces.astype(np.int64)
    faces = faces[:, ::-1] if mesh.is_watertight and mesh.volume_m3 < 0 else faces
    kind = np.full(len(faces), BRIDGED, np.uint8)
    checked = _mesh(mesh.vertices, faces, kind, mesh.crs)
    return CavityMesh(
        mesh=checked,
        volume_m3=checked.volume_m3,
        volume_low_m3=math.nan,
        volume_high_m3=math.nan,
        margin_m3=math.nan,
        face_kind=kind,
        stations=np.zeros((0, 3)),
        station_volumes_m3=np.zeros(0),
        station_misfit_m=math.nan,
        seen_share=0.0,
        method="given_mesh",
        oriented_by="faces",
        turned_share=math.nan,
    )


def _mesh(xyz: Floats, faces: NDArray[np.int64], kind: NDArray[np.uint8], crs: Any) -> Mesh:
    touched = np.ones(len(xyz), np.uint8)
    touched[faces[kind != SEEN]] = 0
    return closed_mesh(Mesh(xyz, faces.astype(np.int32), crs, {"seen": touched}))


def _check_systems(scans: list[Scan]) -> None:
    if not scans:
        raise ParameterError("no scans", expected="at least one scan")
    for number, scan in enumerate(scans):
        where = scan.source or f"scan {number + 1}"
        if (scan.crs, scan.vertical_crs) != (scans[0].crs, scans[0].vertical_crs):
            raise CRSError(
                "the coordinate system differs from that of the first scan",
                where=where,
                remedy="Transform it with Scan.to_crs first",
            )
        scan.require_metres()


def _views(scans: list[Scan]) -> list[tuple[Floats, Floats, str]]:
    """Points, place and name of every station."""
    views = []
    for number, scan in enumerate(scans):
        where = scan.source or f"scan {number + 1}"
        if scan.stations is None:
            raise ParameterError(
                "the scan does not say where the scanner stood, others do",
                where=where,
                expected="stations for all scans, or for none",
                remedy="Give stations=[[x, y, z]] to the scan",
            )
        index = scan.station_index
        if (index < 0).any():
            raise ParameterError(
                f"{int((index < 0).sum())} points do not say which of the {len(scan.stations)} stations saw them",
                where=where,
                expected="an attribute station_index, or a scan for each station",
            )
        for k in np.unique(index):
            views.append((scan.xyz[index == k], scan.stations[k], f"{where}, station {int(k) + 1}"))
    return views


def _face_areas(mesh: Mesh) -> Floats:
    a, b, c = (mesh.vertices[mesh.faces[:, i]] for i in range(3))
    areas: Floats = np.linalg.norm(np.cross(b - a, c - a), axis=1) / 2.0
    return areas


def _margin(lifted_m3: float, area: float, misfit: float, scans: list[Scan], n_stations: int) -> float:
    """95 % bound of what is uncertain about the best estimate, cubic metres.

    Registration moves a whole station, so part of a misfit on the measured wall stays possible after walls were brought
    together. Of what was given back of curved walls, half is doubted: more than edges and noise make of it.
    """
    sigmas = [s.registration_sigma_m for s in scans if s.registration_sigma_m is not None]
    registration = max(sigmas, default=0.0) if n_stations > 1 else 0.0
    wall = math.hypot(registration / 2.0, 0.0 if math.isnan(misfit) else misfit / 4.0)
    return lifted_m3 / 2.0 + Z_95 * wall * area
