"""Mesh files of other programs, and our own: the same vertices and faces come back."""

import struct
from pathlib import Path

import ezdxf
import numpy as np
import pytest

from sxrisk.errors import CRSError, FileFormatError, InputError, ParameterError
from sxrisk.surfaces import Mesh, read_mesh

CORNERS = np.array([[0.0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1]])
FACES = [[0, 2, 1], [0, 1, 3], [1, 2, 3], [0, 3, 2]]
AT = np.array([512000.0, 4123000.0, 900.0])


@pytest.fixture
def body() -> Mesh:
    values = np.array([0.1, np.nan, -0.3, 0.0])
    colour = {name: np.array([0, 128, 255, 7], "u1") for name in ("red", "green", "blue")}
    import pyproj

    return Mesh(CORNERS * 3 + AT, FACES, crs=pyproj.CRS.from_epsg(4547), vertex_fields={"change_m": values, **colour})


@pytest.mark.parametrize("suffix", [".ply", ".obj", ".stl", ".glb", ".dxf"])
def test_what_we_write_comes_back(tmp_path: Path, body: Mesh, suffix: str) -> None:
    back = read_mesh(body.write(tmp_path / f"a{suffix}"))
    assert back.is_watertight
    assert back.volume_m3 == pytest.approx(4.5, abs=1e-4)
    assert len(back.vertices) == 4
    corners = back.vertices[back.faces]
    assert (
        np.abs(
            np.sort(corners.reshape(-1, 9), axis=0) - np.sort(body.vertices[body.faces].reshape(-1, 9), axis=0)
        ).max()
        < 1e-4
    )
    if suffix in (".ply", ".obj", ".glb"):
        assert back.crs.to_epsg() == 4547
        assert back.vertex_fields["green"].tolist() == [0, 128, 255, 7]
    if suffix in (".ply", ".glb"):
        assert np.allclose(back.vertex_fields["change_m"], body.vertex_fields["change_m"], atol=1e-7, equal_nan=True)


@pytest.mark.parametrize("encoding", ["ascii", "binary_little_endian", "binary_big_endian"])
def test_ply_with_quads_and_triangles(tmp_path: Path, encoding: str) -> None:
    head = f"ply\nformat {encoding} 1.0\nelement vertex 5\nproperty float x\nproperty float y\nproperty float z\n"
    head += "element face 2\nproperty uchar flag\nproperty list uchar int vertex_index\nend_header\n"
    places = [(0, 0, 0), (1, 0, 0), (1, 1, 0), (0, 1, 0), (2, 0, 0)]
    if encoding == "ascii":
        body = ("\n".join(f"{x} {y} {z}" for x, y, z in places) + "\n9 4 0 1 2 3\n9 3 1 4 2\n").encode()
    else:
        order = "<" if "little" in encoding else ">"
        body = b"".join(struct.pack(f"{order}3f", *p) for p in places)
        body += struct.pack(f"{order}BB4i", 9, 4, 0, 1, 2, 3) + struct.pack(f"{order}BB3i", 9, 3, 1, 4, 2)
    path = tmp_path / "a.ply"
    path.write_bytes(head.encode() + body)
    mesh = read_mesh(path)
    assert mesh.faces.tolist() == [[0, 1, 2], [0, 2, 3], [1, 4, 2]]
    assert mesh.area_m2 == pytest.approx(1.5)
    path.write_bytes(head.encode() + body[:-6])
    with pytest.raises(FileFormatError, match="breaks off in"):
        read_mesh(path)


def test_obj_of_other_programs(tmp_path: Path) -> None:
    path = tmp_path / "a.obj"
    path.write_text(
        "mtllib a.mtl\no 台阶\nv 0 0 0\nv 1 0 0\nv 1 1 0\nv 0 1 0\nvt 0 0\nvn 0 0 1\nf 1/1/1 2/1/1 3/1/1 4/1/1\n"
        "v 5 5 5\nf -1 -2//1 -3//1\n",
        encoding="utf-8",
    )
    assert read_mesh(path).faces.tolist() == [[0, 1, 2], [0, 2, 3], [4, 3, 2]]
    path.write_text("v 0 0 0\nv 1 0 0\nv 1 1 0\nf 1 2 9\n", encoding="utf-8")
    with pytest.raises(FileFormatError, match="a face names vertex 9 of 3"):
        read_mesh(path)
    path.write_text("v 0 0 0\nv 1 x 0\n", encoding="utf-8")
    with pytest.raises(FileFormatError, match=r"a\.obj, line 2: 'v 1 x 0' is no vertex or face"):
        read_mesh(path)


def test_stl_ascii_and_broken(tmp_path: Path) -> None:
    path = tmp_path / "a.stl"
    facets = "".join(
        "facet normal 0 0 0\nouter loop\n"
        + "".join(f"vertex {x} {y} {z}\n" for x, y, z in CORNERS[face])
        + "endloop\nendfacet\n"
        for face in FACES
    )
    path.write_text(f"solid body\n{facets}endsolid body\n", encoding="ascii")
    mesh = read_mesh(path)
    assert mesh.volume_m3 == pytest.approx(1 / 6)
    assert len(mesh.vertices) == 4
    assert read_mesh(path, unit_m=0.001).volume_m3 == pytest.approx(1e-9 / 6)
    path.write_bytes(b"x" * 80 + struct.pack("<I", 9) + b"\0" * 60)
    with pytest.raises(FileFormatError, match="header counts 9 triangles, 1 are there"):
        read_mesh(path)


def test_off_with_colours(tmp_path: Path) -> None:
    path = tmp_path / "a.off"
    path.write_text(
        "OFF\n# made by hand\n4 2 0\n0 0 0\n1 0 0\n1 1 0\n0 1 0\n3 0 1 2 255 0 0\n3 0 2 3\n", encoding="ascii"
    )
    assert read_mesh(path).faces.tolist() == [[0, 1, 2], [0, 2, 3]]


def test_dxf_with_chinese_layers(tmp_path: Path) -> None:
    drawing = ezdxf.new("R2010")
    space = drawing.modelspace()
    space.add_3dface([(0, 0, 0), (1, 0, 0), (1, 1, 0), (0, 1, 0)], dxfattribs={"layer": "地表"})
    with space.add_mesh(dxfattribs={"layer": "采空区"}).edit_data() as data:
        data.vertices, data.faces = [tuple(v) for v in CORNERS], [tuple(f) for f in FACES]
    surface = space.add_polymesh((2, 3), dxfattribs={"layer": "坝面"})
    for i in range(2):
        for j in range(3):
            surface.set_mesh_vertex((i, j), (10 + i, j, i * j))
    block = drawing.blocks.new("B")
    polyface = block.add_polyface(dxfattribs={"layer": "0"})
    polyface.append_faces([[(0, 0, 0), (1, 0, 0), (0, 1, 0)]])
    space.add_blockref("B", (100, 200, 5), dxfattribs={"layer": "块", "xscale": 2})
    space.add_line((0, 0), (9, 9))
    path = tmp_path / "a.dxf"
    drawing.saveas(path)
    whole = read_mesh(path)
    assert len(whole.faces) == 2 + 4 + 4 + 1
    goaf = read_mesh(path, layers=["采空区"], crs=4547)
    assert goaf.is_watertight
    assert goaf.volume_m3 == pytest.approx(1 / 6)
    assert goaf.crs.to_epsg() == 4547
    placed = read_mesh(path, layers=["块"])
    assert sorted(placed.vertices.tolist()) == [[100, 200, 5], [100, 201, 5], [102, 200, 5]]
    with pytest.raises(ParameterError, match="layer '没有' holds no faces; expected some of"):
        read_mesh(path, layers=["没有"])


def test_refusals(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="there is no such file"):
        read_mesh(tmp_path / "none.obj")
    scan = tmp_path / "a.laz"
    scan.write_bytes(b"LASF")
    with pytest.raises(FileFormatError, match=r"\.laz cannot be read as a mesh.*Open it with read_scan"):
        read_mesh(scan)
    points = tmp_path / "a.ply"
    head = "".join(f"property float {axis}\n" for axis in "xyz")
    points.write_text(f"ply\nformat ascii 1.0\nelement vertex 1\n{head}end_header\n1 2 3\n", encoding="ascii")
    with pytest.raises(FileFormatError, match=r"the file holds no faces.*Open its points with read_scan"):
        read_mesh(points)
    off = tmp_path / "a.off"
    off.write_text("OFF\n3 1 0\n0 0 nan\n1 0 0\n0 1 0\n3 0 1 2\n", encoding="ascii")
    with pytest.raises(FileFormatError, match="1 vertices are not finite, the first is number 1"):
        read_mesh(off)
    with pytest.raises(ParameterError, match="a unit of 0 m"):
        read_mesh(off, unit_m=0)
    with pytest.raises(ParameterError, match="have no layers"):
        read_mesh(off, layers=["a"])
    off.write_text("OFF\n3 1 0\n0 0 0\n1 0 0\n0 1 0\n3 0 1 2\n", encoding="ascii")
    with pytest.raises(CRSError, match="'nowhere' is no coordinate system"):
        read_mesh(off, crs="nowhere")
