"""The mesh check against meshes whose faults are known."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sxrisk.surfaces import Mesh


def box(at: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
    corners = np.array([[x, y, z] for z in (0, 1) for y in (0, 1) for x in (0, 1)], dtype=float) + at
    faces = [[0, 2, 1], [1, 2, 3], [4, 5, 6], [5, 7, 6], [0, 1, 4], [1, 5, 4], [2, 6, 3], [3, 6, 7], [0, 4, 2],
             [2, 4, 6], [1, 3, 5], [3, 7, 5]]  # fmt: skip
    return corners, np.array(faces)


def terrain(n: int, far: float = 4_123_456.0) -> Mesh:
    x, y = (a.ravel().astype(float) for a in np.meshgrid(np.arange(n), np.arange(n)))
    corner = (np.arange(n - 1)[:, None] * n + np.arange(n - 1)).ravel()
    faces = np.concatenate([corner[:, None] + (0, 1, n), corner[:, None] + (1, n + 1, n)])
    return Mesh(np.column_stack([x + far, y + far, np.sin(x)]), faces)


def joined(*parts: tuple[np.ndarray, np.ndarray]) -> Mesh:
    starts = np.cumsum([0, *(len(v) for v, _ in parts[:-1])])
    return Mesh(
        np.concatenate([v for v, _ in parts]), np.concatenate([f + s for (_, f), s in zip(parts, starts, strict=True)])
    )


def test_a_closed_box_has_no_fault() -> None:
    report = Mesh(*box()).check()
    assert report.watertight and report.is_manifold and report.oriented and report.holes == ()
    assert report.n_components == 1 and report.n_unused_vertices == report.n_duplicate_vertices == 0
    assert not len(report.degenerate_faces) and not len(report.duplicate_faces)
    assert str(report).startswith("8 vertices, 12 faces, 1 parts: watertight")


def test_a_missing_face_is_a_hole_with_its_place() -> None:
    corners, faces = box()
    report = Mesh(corners, faces[:-1]).check()
    assert not report.watertight and report.is_manifold
    (hole,) = report.holes
    assert hole.n_edges == 3 and hole.perimeter_m == pytest.approx(2 + np.sqrt(2))
    np.testing.assert_allclose(hole.centre, corners[faces[-1]].mean(axis=0))


def test_terrain_has_an_outline_and_its_holes() -> None:
    mesh = terrain(20)
    faces = np.delete(mesh.faces, [5 * 19 + 5, 361 + 12 * 19 + 3], axis=0)
    outline, *holes = Mesh(mesh.vertices, faces).check().holes
    assert outline.outline and outline.n_edges == 4 * 19
    assert [hole.outline for hole in holes] == [False, False] and {hole.n_edges for hole in holes} == {3}
    np.testing.assert_allclose(holes[0].perimeter_m, holes[1].perimeter_m, rtol=0.3)


def test_an_edge_of_three_faces_is_told() -> None:
    corners, faces = box()
    report = Mesh(np.vstack([corners, [0.5, -1, 0]]), np.vstack([faces, [0, 1, 8]])).check()
    assert not report.edge_manifold and not report.watertight
    np.testing.assert_allclose(report.non_manifold_edges, [[0.5, 0, 0]])
    assert report.vertex_manifold


def test_two_boxes_on_one_corner_are_pinched_there() -> None:
    first, second = box(), box(1.0)
    mesh = joined(first, second)
    faces = mesh.faces.copy()
    faces[faces == 8] = 7  # corner (1, 1, 1) of both
    report = Mesh(mesh.vertices, faces).check()
    assert report.edge_manifold and not report.vertex_manifold and report.watertight
    np.testing.assert_array_equal(report.non_manifold_vertices, [[1, 1, 1]])
    assert report.n_unused_vertices == report.n_duplicate_vertices == 1 and report.n_components == 1


def test_a_turned_face_is_found() -> None:
    corners, faces = box()
    faces[3] = faces[3][::-1]
    report = Mesh(corners, faces).check()
    assert report.edge_manifold and not report.oriented and not report.watertight and report.holes == ()
    assert len(report.turned_edges) == 3 and "closed, but no oriented surface" in str(report)


def test_faces_without_area_and_twice_there() -> None:
    corners, faces = box()
    corners = np.vstack([corners, [0.5, 0.5, 0.0]]) + 512345.0
    extra = [[0, 0, 1], [0, 8, 3], [2, 1, 0]]  # a corner twice, on a line, face 0 again
    report = Mesh(corners, np.vstack([faces, extra])).check()
    assert report.degenerate_faces.tolist() == [12, 13] and report.duplicate_faces.tolist() == [14]


def test_parts_are_counted_and_an_empty_mesh_is_none() -> None:
    assert joined(box(), box(5.0), box(10.0)).check().n_components == 3
    report = Mesh(np.empty((0, 3)), np.empty((0, 3))).check()
    assert report.n_components == 0 and not report.watertight and report.holes == ()


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(*[st.integers(0, 7)] * 3), max_size=20))
def test_check_agrees_with_counting_one_by_one(faces: list[tuple[int, int, int]]) -> None:
    corners, _ = box()
    mesh = Mesh(corners, np.array(faces, dtype=int).reshape(-1, 3))
    report = mesh.check()
    kept = [f for f in faces if len(set(f)) == 3]
    edges: dict[frozenset[int], list[tuple[int, int]]] = {}
    for a, b, c in kept:
        for edge in ((a, b), (b, c), (c, a)):
            edges.setdefault(frozenset(edge), []).append(edge)
    assert len(report.non_manifold_edges) == sum(len(e) > 2 for e in edges.values())
    assert len(report.turned_edges) == sum(len(e) == 2 and e[0] == e[1] for e in edges.values())
    assert sum(hole.n_edges for hole in report.holes) == sum(len(e) == 1 for e in edges.values())
    pinched = 0
    for vertex in range(8):
        fans = [set(f) - {vertex} for f in kept if vertex in f]
        while any(a & b for i, a in enumerate(fans) for b in fans[:i]):
            i, j = next((i, j) for i, a in enumerate(fans) for j, b in enumerate(fans[:i]) if a & b)
            fans[j] |= fans.pop(i)
        pinched += len(fans) > 1
    assert len(report.non_manifold_vertices) == pinched
    assert report.watertight == (mesh.is_watertight and len(kept) == len(faces))


def test_half_a_million_faces_take_about_a_second() -> None:
    import time

    mesh = terrain(501)
    mesh.check()
    start = time.process_time()
    assert mesh.check().n_components == 1
    assert time.process_time() - start < 5.0  # 0.8 s on a free core
