"""Parts a cavity's surface into roofs, walls and floors by where they face and what hangs together."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from sxrisk.surfaces import Mesh

__all__ = ["Surface", "face_parts", "surface_of", "within_parts"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

FLOOR, WALL, ROOF = 0, 1, 2
# What is less steep than this looks down as a roof, up as a floor.
_LEVEL = float(np.cos(np.radians(45.0)))
# Faces that differ by more than this meet at an edge of the rock, and are not smoothed over it.
_EDGE = float(np.cos(np.radians(60.0)))
_ANY = -2.0
_MAX_ROUNDS = 120
_HALF_SECTOR_DEG = 45


@dataclass(frozen=True, eq=False)
class Surface:
    """Triangles of a mesh with their smoothed directions.

    Parameters
    ----------
    normals : (m, 3) float64
        Unit normals into the rock, smoothed over some decimetres so that measuring noise is out of them.
    area_m2 : (m,) float64
        Area of each triangle as seen along its smoothed normal: the sum is the area without the noise's roughness.
    links : (k, 2) int64
        Triangles that share an edge.
    link_m : (k,) float64
        Length of that edge.
    middles : (m, 3) float64
        About the mesh's local origin.
    vectors : (m, 3) float64
        Area vectors as meshed.
    near : (k,) bool
        Links short enough to smooth over.
    rounds : int
        Of smoothing.
    """

    normals: Floats
    area_m2: Floats
    links: Ints
    link_m: Floats
    middles: Floats
    vectors: Floats
    near: NDArray[np.bool_]
    rounds: int


def surface_of(mesh: Mesh, smooth_m: float) -> Surface:
    """Smoothed directions of the triangles of a closed mesh, over about `smooth_m`."""
    corners = (mesh.vertices - mesh.origin)[mesh.faces]
    vectors = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]) / 2.0
    area = np.linalg.norm(vectors, axis=1)
    middles = corners.mean(axis=1)
    n = np.int64(len(mesh.vertices))
    start, end = mesh.faces.astype(np.int64).ravel(), np.roll(mesh.faces, -1, axis=1).astype(np.int64).ravel()
    key = np.minimum(start, end) * n + np.maximum(start, end)
    order = np.argsort(key, kind="stable").reshape(-1, 2)
    links = order // 3
    link_m = np.linalg.norm((mesh.vertices[start] - mesh.vertices[end])[order[:, 0]], axis=1)
    # Only what lies within the smoothing length is mixed: the large triangles of a drawn mesh stay as they are.
    apart = np.linalg.norm(middles[links[:, 0]] - middles[links[:, 1]], axis=1)
    near = apart < smooth_m
    step = float(np.median(apart[near])) if near.any() else smooth_m
    rounds = min(int(np.ceil((smooth_m / max(step, 1e-6)) ** 2)), _MAX_ROUNDS)
    # First rounds over everything take the noise out of the directions that then say where the edges are.
    normals = _spread(_spread(vectors, links[near], min(3, rounds), _ANY), links[near], rounds, _EDGE, area)
    return Surface(normals, _seen_along(vectors, normals), links, link_m, middles, vectors, near, rounds)


def within_parts(surface: Surface, part: Ints) -> Surface:
    """The surface with directions smoothed anew inside each part: across its edges nothing is mixed."""
    links = surface.links[surface.near]
    normals = _spread(surface.vectors, links[part[links[:, 0]] == part[links[:, 1]]], surface.rounds, _ANY)
    return replace(surface, normals=normals, area_m2=_seen_along(surface.vectors, normals))


def _seen_along(vectors: Floats, normals: Floats) -> Floats:
    return np.maximum(np.einsum("ij,ij->i", vectors, normals), 0.0)


def _spread(vectors: Floats, links: Ints, rounds: int, alike: float, area: Floats | None = None) -> Floats:
    """Unit directions after `rounds` of means over neighbours whose directions' cosine is above `alike`."""
    from sxrisk.sites.goafs._smoothing_kernels import spread_normals

    area = np.linalg.norm(vectors, axis=1) if area is None else area
    size = np.linalg.norm(vectors, axis=1, keepdims=True)
    normals = np.divide(vectors, size, out=np.zeros_like(vectors), where=size > 1e-15)
    # A triangle of a closed mesh has three neighbours.
    ends = np.concatenate([links, links[:, ::-1]])
    ends = ends[np.argsort(ends[:, 0], kind="stable")]
    place = np.arange(len(ends)) - np.searchsorted(ends[:, 0], ends[:, 0])
    beside = np.full((len(vectors), 3), -1, np.int64)
    beside[ends[:, 0], place] = ends[:, 1]
    return spread_normals(normals, area, beside, rounds, alike)


def face_parts(surface: Surface, *, min_area_m2: float) -> tuple[Ints, Ints, Ints]:
    """Part of each triangle (-1: too small for a face), its kind by part, and its band of walls by part (-1 for none).

    Roofs and floors are what hangs together and is less steep than 45 degrees. A band of walls hangs together; it is
    cut into faces of 90 degrees of direction, each around a direction that most of its area has.
    """
    up = surface.normals[:, 2]
    kind = np.where(up > _LEVEL, ROOF, np.where(up < -_LEVEL, FLOOR, WALL))
    zone = _joined(surface.links, kind)
    zone, kind = _absorbed(surface, zone, kind, min_area_m2)
    band = np.where(kind == WALL, zone, -1)
    part = zone.copy()
    n = int(zone.max()) + 1
    for number in np.unique(band[band >= 0]):
        members = np.flatnonzero(band == number)
        part[members] = n + 4 * number + _sectors(surface, members)
    part = _joined(surface.links, part)
    part, _ = _absorbed(surface, part, band * 3 + kind, min_area_m2)
    area = np.bincount(part, surface.area_m2)
    kept = np.flatnonzero(area >= min_area_m2)
    renumbered = np.full(len(area), -1)
    renumbered[kept] = np.arange(len(kept))
    first = np.array([np.flatnonzero(part == number)[0] for number in kept], dtype=np.int64)
    return renumbered[part], kind[first], band[first]


def _joined(links: Ints, label: Ints) -> Ints:
    """Pieces of equal label that hang together by edges."""
    same = links[label[links[:, 0]] == label[links[:, 1]]]
    n = len(label)
    _, piece = connected_components(coo_array((np.ones(len(same), np.int8), (same[:, 0], same[:, 1])), (n, n)), False)
    return piece.astype(np.int64)


def _absorbed(surface: Surface, piece: Ints, group: Ints, min_area_m2: float) -> tuple[Ints, Ints]:
    """Small pieces given to the neighbour with the longest common edge, smallest first; groups follow."""
    piece, group = piece.copy(), group.copy()
    for _ in range(8):
        area = np.bincount(piece, surface.area_m2)
        a, b = piece[surface.links[:, 0]], piece[surface.links[:, 1]]
        border = a != b
        small_to = np.full(len(area), -1)
        pairs = np.concatenate([np.stack([a, b], 1)[border], np.stack([b, a], 1)[border]])
        length = np.tile(surface.link_m[border], 2)
        useful = (area[pairs[:, 0]] < min_area_m2) & (area[pairs[:, 1]] > area[pairs[:, 0]])
        if not useful.any():
            break
        keys, inverse = np.unique(pairs[useful], axis=0, return_inverse=True)
        shared = np.bincount(inverse.ravel(), length[useful])
        order = np.argsort(shared, kind="stable")
        small_to[keys[order, 0]] = keys[order, 1]
        given = small_to[piece] >= 0
        owner = np.zeros(len(area), np.int64)
        owner[piece[::-1]] = np.arange(len(piece))[::-1]
        group[given] = group[owner[small_to[piece[given]]]]
        piece[given] = small_to[piece[given]]
    return np.unique(piece, return_inverse=True)[1].ravel(), group


def _sectors(surface: Surface, members: Ints) -> Ints:
    """Sector 0 to 3 of each wall triangle: around the directions that most of the area has."""
    normal = surface.normals[members]
    bearing = np.degrees(np.arctan2(normal[:, 0], normal[:, 1])) % 360.0
    histogram = np.bincount(bearing.astype(np.int64) % 360, surface.area_m2[members], 360)
    # A wall's normals scatter by some degrees; single degrees say nothing.
    around = np.arange(-7, 8)
    smooth = np.sum([np.roll(histogram, k) for k in around], axis=0)
    middles: list[int] = []
    free = np.ones(360, dtype=bool)
    while len(middles) < 4 and smooth[free].max(initial=0.0) > 0.02 * histogram.sum():
        peak = int(np.argmax(np.where(free, smooth, -1.0)))
        middles.append(peak)
        apart = np.abs((np.arange(360) - peak + 180) % 360 - 180)
        free &= apart >= _HALF_SECTOR_DEG + 15
    apart = np.abs((bearing[:, None] - np.array(middles) - 0.5 + 180.0) % 360.0 - 180.0)
    return np.argmin(apart, axis=1)
