"""Closed cavities: from the scans of one or more stations to a watertight mesh whose volume is an interval."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import manifold3d
import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from sxrisk.errors import CRSError, GeometryError, ParameterError
from sxrisk.scans import Scan
from sxrisk.surfaces._shadows import fill_shadows, puncture
from sxrisk.surfaces._star import fuse_shared_walls, star_solid
from sxrisk.surfaces.mesh import Mesh

__all__ = ["CavityMesh", "mesh_cavity"]

Floats = NDArray[np.float64]

# An unseen body that touches the known void through measured wall on this part of the contact is rock.
_ROCK_SHARE = 0.9
_Z_95 = 1.96
_SEEN, _FILLED = 0, 2


@dataclass(frozen=True, eq=False)
class CavityMesh:
    """A cavity as its stations saw it.

    Parameters
    ----------
    mesh : Mesh
        Watertight, normals outward (into the rock); vertex field ``seen`` (1 measured, 0 touches a bridged face).
    volume_m3 : float
        Best estimate: the volume of `mesh`.
    volume_low_m3 : float
        Only cones between neighbouring rays count as void: no tripod cone, no non-returns, no sides of shadows; less
        the margin.
    volume_high_m3 : float
        Every shadow and gap is void as far as the chord behind it reaches, except bodies with measured wall all round;
        plus the margin.
    margin_m3 : float
        95 % bound of noise, resolution and registration that is in both ends.
    seen : (m,) bool
        Per face of `mesh`: measured wall, or bridged.
    stations : (k, 3) float64
        Places of the scanner.
    station_volumes_m3 : (k,) float64
        Volume that each station saw.
    station_misfit_m : float
        Robust standard deviation between the walls of two stations where both saw them: noise and registration
        together. NaN for one station.
    seen_share : float
        Measured part of the mesh's area.
    """

    mesh: Mesh
    volume_m3: float
    volume_low_m3: float
    volume_high_m3: float
    margin_m3: float
    seen: NDArray[np.bool_]
    stations: Floats
    station_volumes_m3: Floats
    station_misfit_m: float
    seen_share: float

    def __repr__(self) -> str:
        return (
            f"<CavityMesh: {self.volume_m3:,.1f} m3 ({self.volume_low_m3:,.1f} to {self.volume_high_m3:,.1f}), "
            f"{len(self.stations)} stations, {100.0 * self.seen_share:.1f} % of the wall measured>"
        )


def mesh_cavity(
    scans: Scan | Sequence[Scan],
    *,
    max_directions: int = 40_000,
    max_gap_steps: float = 3.0,
    max_incidence_deg: float = 88.0,
) -> CavityMesh:
    """
    Watertight mesh and volume of a cavity that was scanned from inside.

    Each station's points give a solid that is star-shaped about the scanner; the cavity is the union of the solids.
    Pillars that the stations saw from different sides stay. Walls that two stations saw are brought to their mean place
    first, because a union of two noisy surfaces keeps the outer one.

    **What the interval says.** ``volume_low_m3`` counts only what rays prove. ``volume_high_m3`` follows a stated
    scenario: in every horizontal ring and every upright plane through a station, a shadow is void up to the chord
    between the walls beside it, and a gap is void as far as its rim. Nothing is assumed beyond that: a side passage
    whose mouth no station saw is in neither. Both ends hold a margin for noise, angular resolution and registration.

    Scans must be registered to each other; ``station_misfit_m`` of the result shows how well they are.

    Parameters
    ----------
    scans : Scan or sequence of Scan
        Scans with one station each, or with several and the attribute ``station_index``. Coordinates in metres.
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
        If a scan has no stations, or several and no ``station_index``; or a parameter is out of its range.
    CRSError
        If the scans' coordinate systems differ or are not in metres.
    GeometryError
        If a station does not stand inside what it saw, or the result is not a closed solid.

    Examples
    --------
    >>> import numpy as np
    >>> rng = np.random.default_rng(1)
    >>> rays = rng.normal(size=(20_000, 3))
    >>> rays /= np.linalg.norm(rays, axis=1)[:, None]
    >>> cavity = mesh_cavity(Scan(5.0 * rays, stations=[[0.0, 0.0, 0.0]]))
    >>> round(cavity.volume_m3 / (4 / 3 * np.pi * 5.0**3), 2), cavity.mesh.is_watertight
    (1.0, True)
    """
    if max_directions < 500:
        raise ParameterError(f"max_directions is {max_directions!r}", expected="at least 500")
    if not max_gap_steps >= 2.0:
        raise ParameterError(f"max_gap_steps is {max_gap_steps!r}", expected="at least 2")
    if not 45.0 <= max_incidence_deg < 90.0:
        raise ParameterError(f"max_incidence_deg is {max_incidence_deg!r}", expected="45 to below 90 degrees")
    scans = [scans] if isinstance(scans, Scan) else list(scans)
    views, crs = _views(scans)
    origin = np.round(views[0][1], 1)
    choices = {"max_gap_steps": max_gap_steps, "max_incidence_deg": max_incidence_deg}
    solids = [
        star_solid(xyz - origin, station - origin, max_directions=max_directions, where=where, **choices)
        for xyz, station, where in views
    ]
    coarse = [
        star_solid(xyz - origin, station - origin, max_directions=max(500, max_directions // 4), where=where, **choices)
        for xyz, station, where in views
    ]
    # Halving the resolution four times as many errors of a curved wall: a third of the difference is what is left.
    unresolved = max(
        abs(fine.volume_m3 - rough.volume_m3) / max((rough.step_rad / fine.step_rad) ** 2 - 1.0, 1.0) / fine.volume_m3
        for fine, rough in zip(solids, coarse, strict=True)
    )
    solids, misfit = fuse_shared_walls(solids)

    seen_id = manifold3d.Manifold.reserve_ids(3)  # measured, bridged, filled
    best = _union([_manifold(s.vertices, s.faces, s.seen, seen_id) for s in solids])
    low = _union([_manifold(*puncture(s), seen_id) for s in solids])
    hidden = [_manifold(*fill_shadows(s), seen_id + 1) - best for s in solids]
    unseen = _hidden_volume(manifold3d.Manifold.batch_boolean(hidden, manifold3d.OpType.Add), seen_id)

    mesh, seen = _to_mesh(best, origin, crs, seen_id)
    volume = best.volume()
    area = _face_areas(mesh)
    margin = _margin(volume, float(area[seen].sum()), unresolved, misfit, scans, len(solids))
    return CavityMesh(
        mesh=mesh,
        volume_m3=volume,
        volume_low_m3=min(volume, low.volume()) - margin,
        volume_high_m3=volume + unseen + margin,
        margin_m3=margin,
        seen=seen,
        stations=np.array([station for _, station, _ in views]),
        station_volumes_m3=np.array([s.volume_m3 for s in solids]),
        station_misfit_m=misfit,
        seen_share=float(area[seen].sum() / area.sum()),
    )


def _views(scans: list[Scan]) -> tuple[list[tuple[Floats, Floats, str]], Any]:
    """Points, place and name of every station."""
    if not scans:
        raise ParameterError("no scans", expected="at least one scan with a station")
    views = []
    for number, scan in enumerate(scans):
        where = scan.source or f"scan {number + 1}"
        if (scan.crs, scan.vertical_crs) != (scans[0].crs, scans[0].vertical_crs):
            raise CRSError(
                "the coordinate system differs from that of the first scan",
                where=where,
                remedy="Transform it with Scan.to_crs first",
            )
        scan.require_metres()
        if scan.stations is None:
            raise ParameterError(
                "the scan does not say where the scanner stood",
                where=where,
                expected="stations: they tell rock from void",
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
    return views, scans[0].crs


def _manifold(vertices: Floats, faces: NDArray[np.int64], seen: NDArray[np.bool_], seen_id: int) -> manifold3d.Manifold:
    """A solid whose faces remember whether they are measured, through all that is done with it."""
    order = np.argsort(~seen, kind="stable")
    n_seen = int(seen.sum())
    mesh = manifold3d.Mesh64(
        vert_properties=np.ascontiguousarray(vertices),
        tri_verts=np.ascontiguousarray(faces[order], dtype=np.uint64),
        run_index=np.array([0, 3 * n_seen, 3 * len(faces)], dtype=np.uint64),
        run_original_id=np.array([seen_id, seen_id + 1], dtype=np.uint32),
        face_id=np.arange(len(faces), dtype=np.uint64),
    )
    return _checked(manifold3d.Manifold(mesh))


def _checked(solid: manifold3d.Manifold) -> manifold3d.Manifold:
    if solid.status() != manifold3d.Error.NoError or solid.is_empty():
        reason = "empty" if solid.is_empty() else str(solid.status())
        raise GeometryError(
            f"the surface of the cavity is not a closed solid ({reason})",
            remedy="Look for points that are not rock, or mesh with fewer max_directions",
        )
    return solid


def _union(solids: list[manifold3d.Manifold]) -> manifold3d.Manifold:
    return _checked(manifold3d.Manifold.batch_boolean(solids, manifold3d.OpType.Add))


def _hidden_volume(hidden: manifold3d.Manifold, seen_id: int) -> float:
    """Volume of the bodies that nobody saw into, without those that measured wall closes off.

    Their outer faces come from the filled solids and are not marked as measured; the others are what they have in
    common with the known void.
    """
    xyz, faces, kind = _raw_mesh(hidden, seen_id)
    if not len(faces):
        return 0.0
    a, b, c = (xyz[faces[:, i]] for i in range(3))
    edges = sparse.coo_array((np.ones(2 * len(faces)), (faces[:, :2].ravel(), faces[:, 1:].ravel())), (len(xyz),) * 2)
    _, body = sparse.csgraph.connected_components(edges, directed=False)
    body = body[faces[:, 0]]
    area = np.linalg.norm(np.cross(b - a, c - a), axis=1)
    volume = np.bincount(body, np.einsum("ij,ij->i", a, np.cross(b, c)) / 6.0)
    contact = np.bincount(body, area * (kind < _FILLED))
    rock = np.bincount(body, area * (kind == _SEEN)) >= np.maximum(_ROCK_SHARE * contact, 1e-12)
    return float(volume[~rock].sum())


def _raw_mesh(solid: manifold3d.Manifold, seen_id: int) -> tuple[Floats, NDArray[np.int64], NDArray[np.int64]]:
    """Vertices (n, 3), faces (m, 3) and the kind of each face (m,): measured 0, bridged 1, filled 2."""
    raw = solid.to_mesh64()
    faces = np.asarray(raw.tri_verts).astype(np.int64)
    xyz = np.asarray(raw.vert_properties)[:, :3]
    # The library repeats vertices where measured and bridged faces meet; merged again the surface is closed.
    target = np.arange(len(xyz))
    target[np.asarray(raw.merge_from_vert).astype(np.int64)] = np.asarray(raw.merge_to_vert).astype(np.int64)
    used, faces = np.unique(target[faces], return_inverse=True)
    run = np.asarray(raw.run_index).astype(np.int64) // 3
    kind = np.repeat(np.asarray(raw.run_original_id).astype(np.int64) - seen_id, run[1:] - run[:-1])
    return xyz[used], faces.reshape(-1, 3), kind


def _to_mesh(solid: manifold3d.Manifold, origin: Floats, crs: Any, seen_id: int) -> tuple[Mesh, NDArray[np.bool_]]:
    xyz, faces, kind = _raw_mesh(solid, seen_id)
    seen = kind == _SEEN
    vertex_seen = np.ones(len(xyz), np.uint8)
    vertex_seen[faces[~seen]] = 0
    mesh = Mesh(xyz + origin, faces.astype(np.int32), crs, {"seen": vertex_seen})
    if not mesh.is_watertight or not mesh.volume_m3 > 0:
        raise GeometryError("the mesh of the cavity has open edges", remedy="Mesh with fewer max_directions")
    return mesh, seen


def _face_areas(mesh: Mesh) -> Floats:
    a, b, c = (mesh.vertices[mesh.faces[:, i]] for i in range(3))
    return np.linalg.norm(np.cross(b - a, c - a), axis=1) / 2.0


def _margin(volume: float, area: float, unresolved: float, misfit: float, scans: list[Scan], n_stations: int) -> float:
    """95 % bound of what is uncertain about the best estimate, cubic metres.

    Registration moves a whole station, so half a misfit on the measured wall stays possible after walls were brought
    together; what angular resolution leaves out is a bias and is added.
    """
    sigmas = [s.registration_sigma_m for s in scans if s.registration_sigma_m is not None]
    registration = max(sigmas, default=0.0) if n_stations > 1 else 0.0
    wall = math.hypot(registration / 2.0, 0.0 if math.isnan(misfit) else misfit / 4.0)
    return 2.0 * unresolved * volume + _Z_95 * wall * area
