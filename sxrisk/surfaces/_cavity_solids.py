"""Exact solids whose faces remember whether they were measured, through all that is done with them."""

from collections.abc import Sequence
from typing import Any

import manifold3d
import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from sxrisk.errors import GeometryError
from sxrisk.surfaces._star import FILLED, SEEN
from sxrisk.surfaces.mesh import Mesh

__all__ = ["FaceKinds", "closed_mesh"]

Floats = NDArray[np.float64]
Faces = NDArray[np.int64]

# An unseen body that touches the known void through measured wall on this part of the contact is rock.
_ROCK_SHARE = 0.9


class FaceKinds:
    """Maker of solids whose faces keep their kind: measured 0, bridged 1, side of a shadow 2, filled 3."""

    def __init__(self) -> None:
        self._first = manifold3d.Manifold.reserve_ids(4)

    def solid(self, vertices: Floats, faces: Faces, kind: NDArray[np.uint8]) -> manifold3d.Manifold:
        """A solid of vertices (n, 3) and faces (m, 3) with a kind each (m,).

        Raises
        ------
        GeometryError
            If the faces are no closed surface, with the first place where they are not.
        """
        order = np.argsort(kind, kind="stable")
        kinds, start = np.unique(kind[order], return_index=True)
        mesh = manifold3d.Mesh64(
            vert_properties=np.ascontiguousarray(vertices),
            tri_verts=np.ascontiguousarray(faces[order], dtype=np.uint64),
            run_index=np.append(3 * start, 3 * len(faces)).astype(np.uint64),
            run_original_id=(self._first + kinds.astype(np.int64)).astype(np.uint32),
            face_id=np.arange(len(faces), dtype=np.uint64),
        )
        found = manifold3d.Manifold(mesh)
        if found.status() != manifold3d.Error.NoError or found.is_empty():
            closed_mesh(Mesh(vertices, faces.astype(np.int32)))
            raise GeometryError(
                f"the surface of the cavity is not a solid ({found.status().name})",
                remedy="Look for points that are not rock",
            )
        return found

    @staticmethod
    def union(solids: Sequence[manifold3d.Manifold]) -> manifold3d.Manifold:
        """All of them joined."""
        return manifold3d.Manifold.batch_boolean(list(solids), manifold3d.OpType.Add)

    def arrays(self, solid: manifold3d.Manifold) -> tuple[Floats, Faces, NDArray[np.uint8]]:
        """Vertices (n, 3), faces (m, 3) and the kind of each face (m,)."""
        raw = solid.to_mesh64()
        faces = np.asarray(raw.tri_verts).astype(np.int64)
        xyz = np.asarray(raw.vert_properties)[:, :3]
        # The library repeats vertices where kinds of faces meet; merged again the surface is closed.
        target = np.arange(len(xyz))
        target[np.asarray(raw.merge_from_vert).astype(np.int64)] = np.asarray(raw.merge_to_vert).astype(np.int64)
        used, faces = np.unique(target[faces], return_inverse=True)
        run = np.asarray(raw.run_index).astype(np.int64) // 3
        kind = np.repeat(np.asarray(raw.run_original_id).astype(np.int64) - self._first, run[1:] - run[:-1])
        return xyz[used], faces.reshape(-1, 3), kind.astype(np.uint8)

    def hidden_volume(self, hidden: manifold3d.Manifold) -> float:
        """Volume of the bodies that nobody saw into, without those that measured wall closes off.

        Their outer faces are of the kind *filled*; the others are what they have in common with the known void.
        """
        xyz, faces, kind = self.arrays(hidden)
        if not len(faces):
            return 0.0
        a, b, c = (xyz[faces[:, i]] for i in range(3))
        edges = sparse.coo_array(
            (np.ones(2 * len(faces)), (faces[:, :2].ravel(), faces[:, 1:].ravel())), (len(xyz),) * 2
        )
        _, body = sparse.csgraph.connected_components(edges, directed=False)
        body = body[faces[:, 0]]
        area = np.linalg.norm(np.cross(b - a, c - a), axis=1)
        volume = np.bincount(body, np.einsum("ij,ij->i", a, np.cross(b, c)) / 6.0)
        contact = np.bincount(body, area * (kind != FILLED))
        rock = np.bincount(body, area * (kind == SEEN)) >= np.maximum(_ROCK_SHARE * contact, 1e-12)
        return float(volume[~rock].sum())


def closed_mesh(mesh: Mesh) -> Mesh:
    """The mesh itself, if it is watertight, manifold and consistently oriented, faces outward.

    Raises
    ------
    GeometryError
        If it is not: what is wrong and where the first such place is.
    """
    report = mesh.check()
    faults: list[tuple[str, Any]] = [
        ("open edges", [hole.centre for hole in report.holes]),
        ("edges of more than two faces", report.non_manifold_edges),
        ("edges whose faces look to opposite sides", report.turned_edges),
        ("vertices that join separate parts of the surface", report.non_manifold_vertices),
        ("faces with an edge of no length", mesh.vertices[mesh.faces[_collapsed(mesh), 0]]),
    ]
    for what, places in faults:
        if len(places):
            x, y, z = places[0]
            raise GeometryError(
                f"the mesh of the cavity is no closed surface: {what} in {len(places)} places",
                where=f"the first at ({x:.3f}, {y:.3f}, {z:.3f})",
                expected="a watertight, manifold, consistently oriented mesh",
                remedy="Mend the mesh there (Mesh.check lists all places), or look for points that are not rock",
            )
    if not mesh.volume_m3 > 0:
        raise GeometryError(
            f"the mesh encloses {mesh.volume_m3:.3f} m3",
            expected="faces that look into the rock, counter-clockwise from there",
            remedy="Turn all faces",
        )
    return mesh


def _collapsed(mesh: Mesh) -> NDArray[np.bool_]:
    return np.asarray((mesh.faces == np.roll(mesh.faces, -1, axis=1)).any(axis=1))
