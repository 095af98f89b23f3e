"""Triangle meshes: area, volume, tightness, and the files that other programs open."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from sxrisk.errors import GeometryError, ParameterError

if TYPE_CHECKING:
    from sxrisk.surfaces.mesh_check import MeshReport
    from sxrisk.surfaces.texture import Texture

__all__ = ["Mesh"]

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Mesh:
    """A triangle mesh in the coordinates of its scan.

    Parameters
    ----------
    vertices : array-like of shape (n, 3)
        Easting, northing, height in metres, float64.
    faces : array-like of shape (m, 3)
        Rows of `vertices`, counter-clockwise seen from outside (from above for terrain), int32.
    crs : pyproj.CRS, optional
        Horizontal (or compound) system.
    vertex_fields : mapping of str to array of shape (n,)
        Values at vertices with the unit in the name: ``change_m``, ``lod95_m``, ``significant``, ``elevation_m``,
        ``seen``.
    texture : Texture, optional
        A picture on the faces, from :func:`sxrisk.surfaces.bake_texture`.

    Raises
    ------
    GeometryError
        If shapes are wrong, a vertex is not finite or a face names a vertex that is not there.
    ParameterError
        If a field has another length than there are vertices.

    Examples
    --------
    >>> corners = [[0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1]]
    >>> tetrahedron = Mesh(corners, [[0, 2, 1], [0, 1, 3], [1, 2, 3], [0, 3, 2]])
    >>> tetrahedron.is_watertight, round(tetrahedron.volume_m3, 4)
    (True, 0.1667)
    """

    vertices: Floats
    faces: npt.NDArray[np.int32]
    crs: Any = None
    vertex_fields: Mapping[str, npt.NDArray[Any]] = field(default_factory=dict)
    texture: "Texture | None" = None

    def __post_init__(self) -> None:
        vertices = np.ascontiguousarray(self.vertices, dtype=np.float64).reshape(-1, 3)
        faces = np.ascontiguousarray(self.faces, dtype=np.int32).reshape(-1, 3)
        if np.size(self.vertices) and np.shape(self.vertices)[-1] != 3:
            raise GeometryError(f"vertices of shape {np.shape(self.vertices)}", expected="shape (n, 3)")
        if np.size(self.faces) and np.shape(self.faces)[-1] != 3:
            raise GeometryError(f"faces of shape {np.shape(self.faces)}", expected="shape (m, 3): triangles")
        if not np.isfinite(vertices).all():
            raise GeometryError(f"{int((~np.isfinite(vertices)).any(axis=1).sum())} vertices are not finite")
        if len(faces) and (faces.min() < 0 or faces.max() >= len(vertices)):
            raise GeometryError(
                f"a face names vertex {int(faces.max())} of {len(vertices)}", expected="rows of vertices"
            )
        fields = {name: np.asarray(values) for name, values in self.vertex_fields.items()}
        for name, values in fields.items():
            if values.shape != (len(vertices),):
                raise ParameterError(
                    f"values of shape {values.shape} for {len(vertices)} vertices",
                    where=f"vertex field {name!r}",
                    expected=f"shape ({len(vertices)},)",
                )
        if self.texture is not None and len(self.texture.corners) != len(faces):
            raise GeometryError(
                f"a texture of {len(self.texture.corners)} faces for {len(faces)}", expected="corners of every face"
            )
        for name, value in (("vertices", vertices), ("faces", faces), ("vertex_fields", fields)):
            object.__setattr__(self, name, value)

    @cached_property
    def origin(self) -> Floats:
        """Local origin (3,): the middle of the bounds, rounded to a decimetre."""
        if not len(self.vertices):
            return np.zeros(3)
        return np.round((self.vertices.min(axis=0) + self.vertices.max(axis=0)) / 2.0, 1)

    @cached_property
    def area_m2(self) -> float:
        """Area of all faces."""
        return float(np.linalg.norm(self._face_vectors(), axis=1).sum() / 2.0)

    @cached_property
    def volume_m3(self) -> float:
        """Volume enclosed, positive where faces look outward; means something only if the mesh is watertight.

        The sum of signed tetrahedra is taken about the local origin: about the origin of the projection it would
        lose all its digits.
        """
        a, b, c = (self.vertices[self.faces[:, i]] - self.origin for i in range(3))
        return float(np.einsum("ij,ij->i", a, np.cross(b, c)).sum() / 6.0)

    @cached_property
    def is_watertight(self) -> bool:
        """Whether every edge joins exactly two faces that run it in opposite directions."""
        if not len(self.faces):
            return False
        n = np.int64(len(self.vertices))
        start = self.faces.astype(np.int64).ravel()
        end = np.roll(self.faces, -1, axis=1).astype(np.int64).ravel()
        forward, backward = np.sort(start * n + end), np.sort(end * n + start)
        return bool((np.diff(forward) > 0).all() and (forward == backward).all())

    @cached_property
    def vertex_normals(self) -> Floats:
        """Unit normals (n, 3), weighted by the area of the faces around; zero at a vertex without faces."""
        normals = np.zeros_like(self.vertices)
        vectors = self._face_vectors()
        for corner in range(3):
            for axis in range(3):
                normals[:, axis] += np.bincount(self.faces[:, corner], vectors[:, axis], len(self.vertices))
        length = np.linalg.norm(normals, axis=1, keepdims=True)
        return np.divide(normals, length, out=np.zeros_like(normals), where=length > 0)

    def check(self) -> "MeshReport":
        """What is wrong with the mesh and where: holes, edges and vertices that are no surface, faces without area.

        Returns
        -------
        MeshReport

        Examples
        --------
        >>> Mesh([[0, 0, 0], [1, 0, 0], [0, 1, 0]], [[0, 1, 2]]).check().holes[0].n_edges
        3
        """
        from sxrisk.surfaces.mesh_check import check_mesh

        return check_mesh(self)

    def with_fields(self, **fields: npt.ArrayLike) -> "Mesh":
        """The same mesh with vertex fields added or replaced, each (n,)."""
        added = {name: np.asarray(values) for name, values in fields.items()}
        return replace(self, vertex_fields={**self.vertex_fields, **added})

    def write(self, path: str | Path) -> Path:
        """Write the mesh; the ending says how: ``.ply``, ``.glb``, ``.obj``, ``.stl``, ``.dxf``, ``.vtp`` or ``.vtu``.

        PLY, VTP, VTU (binary, float64), OBJ and DXF (tenths of a millimetre) keep the full coordinates. GLB and STL
        know only float32 and hold offsets from :attr:`origin`, which stands in the GLB's ``asset.extras`` and in the
        STL's header. PLY, VTP, VTU and GLB carry the vertex fields, a GLB as attributes ``_CHANGE_M`` and so on. The
        fields ``red``, ``green`` and ``blue`` colour PLY, GLB, OBJ, VTP and VTU (as ``RGB``). A texture goes into a
        GLB, and beside an OBJ (``a.obj``, ``a.mtl`` and ``a.png``); there it takes the place of these colours. A DXF
        holds a 3DFACE for each face on the layer ``MESH``, in metres.

        Parameters
        ----------
        path : str or Path
            Where to.

        Returns
        -------
        Path

        Raises
        ------
        ParameterError
            If the ending is none of these.
        OutputError
            If the file cannot be written.
        """
        from sxrisk.scans import whole_file
        from sxrisk.surfaces._mesh_files import WRITERS, textured_obj

        target = Path(path)
        writer = WRITERS.get(target.suffix.lower())
        if writer is None:
            raise ParameterError(
                f"meshes are not written as {target.suffix or 'a file without ending'}",
                where=target,
                expected=", ".join(WRITERS),
            )
        textured = self.texture is not None and target.suffix.lower() == ".obj"
        for file, data in (textured_obj(self, target) if textured else {target: writer(self)}).items():
            with whole_file(file) as partial:
                partial.write_bytes(data)
        return target

    def _face_vectors(self) -> Floats:
        # Cross products on offsets: differences of raw eastings are exact, their products are not.
        a, b, c = (self.vertices[self.faces[:, i]] - self.origin for i in range(3))
        return np.cross(b - a, c - a)

    def __repr__(self) -> str:
        fields = ", ".join(self.vertex_fields) or "no fields"
        return f"<Mesh: {len(self.vertices):,} vertices, {len(self.faces):,} faces, {fields}>"
