"""Textures: a known pattern is found again where it was, on faces of every slant, in files of other programs' kind."""

import io
import json
import struct
from pathlib import Path

import numpy as np
import pyproj
import pytest
from PIL import Image

import sxrisk as sx
from sxrisk.assess.scan_jobs import mesh_file
from sxrisk.errors import GeometryError, MissingFieldError, ParameterError
from sxrisk.scans import Scan, tile_scan, write_scan
from sxrisk.surfaces import Mesh, Texture, bake_texture, simplify

CORNER = np.array([512_000.0, 4_123_000.0, 900.0])
SQUARE = 0.8


def pattern(xyz: np.ndarray) -> np.ndarray:
    """Red (n,) of a chequered space: 220 or 40."""
    return np.where(np.floor((xyz - CORNER) / SQUARE).astype(int).sum(axis=1) % 2, 220, 40).astype(np.uint8)


def on_edge(xyz: np.ndarray, near: float) -> np.ndarray:
    part = (xyz - CORNER) / SQUARE
    return (np.abs(part - np.round(part)) * SQUARE < near).any(axis=1)


def ring(n_u: int = 48, n_v: int = 24) -> Mesh:
    """A torus of 4 m: faces of every slant, some hidden below others."""
    u, v = np.meshgrid(np.arange(n_u) * 2 * np.pi / n_u, np.arange(n_v) * 2 * np.pi / n_v, indexing="ij")
    radius = 2.7 + 1.3 * np.cos(v)
    xyz = np.stack([radius * np.cos(u), radius * np.sin(u), 1.3 * np.sin(v)], axis=-1).reshape(-1, 3)
    at = np.arange(n_u * n_v).reshape(n_u, n_v)
    a, b, c, d = (at, np.roll(at, -1, 0), np.roll(np.roll(at, -1, 0), -1, 1), np.roll(at, -1, 1))
    faces = np.concatenate([np.stack(t, axis=-1).reshape(-1, 3) for t in ((a, b, c), (a, c, d))])
    return Mesh(xyz + CORNER + [0.13, 0.21, 0.17], faces, crs=pyproj.CRS("EPSG:4547"))


def on_faces(mesh: Mesh, n: int, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Random places on a mesh (n, 3), their faces (n,) and weights of the corners (n, 3)."""
    rng = np.random.default_rng(seed)
    a, b, c = (mesh.vertices[mesh.faces[:, i]] - mesh.origin for i in range(3))
    area = np.linalg.norm(np.cross(b - a, c - a), axis=1)
    face = rng.choice(len(area), n, p=area / area.sum())
    weights = rng.dirichlet([1.0, 1.0, 1.0], n)
    return np.einsum("ij,ijk->ik", weights, mesh.vertices[mesh.faces[face]]), face, weights


def coloured(mesh: Mesh, n: int) -> Scan:
    xyz = on_faces(mesh, n, 1)[0]
    red = pattern(xyz)
    return Scan(xyz, crs="EPSG:4547", attributes={"red": red, "green": red // 2, "blue": 255 - red})


def shown(image: np.ndarray, corners: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Colours (n, 3) that a viewer shows at places (corners (n, 3, 2) of their faces in shares of the picture)."""
    place = np.einsum("ij,ijk->ik", weights, corners) * [image.shape[1], image.shape[0]]
    column, row = np.floor(place).astype(int).T
    return image[row, column]


@pytest.fixture(scope="module")
def baked() -> tuple[Mesh, Scan]:
    mesh = ring()
    cloud = coloured(mesh, 150_000)
    return bake_texture(mesh, cloud, texel_m=0.04, neighbours=1), cloud


def glb_parts(path: Path) -> tuple[dict, bytes]:
    data = path.read_bytes()
    length = struct.unpack_from("<I", data, 12)[0]
    return json.loads(data[20 : 20 + length]), data[28 + length :]


def gltf_array(document: dict, binary: bytes, index: int) -> np.ndarray:
    item = document["accessors"][index]
    view = document["bufferViews"][item["bufferView"]]
    width = {"SCALAR": 1, "VEC2": 2, "VEC3": 3}[item["type"]]
    kind = {5126: "<f4", 5125: "<u4"}[item["componentType"]]
    return np.frombuffer(binary, kind, item["count"] * width, view["byteOffset"]).reshape(-1, width)


def test_the_pattern_is_found_again(baked: tuple[Mesh, Scan]) -> None:
    mesh = baked[0]
    texture = mesh.texture
    assert texture is not None and texture.known_share == 1.0
    assert texture.corners.min() >= 0.0 and texture.corners.max() <= 1.0
    xyz, face, weights = on_faces(mesh, 20_000, 2)
    # A texel that is slanted 70 degrees covers 0.11 m; the nearest point is up to 0.03 m away.
    clear = ~on_edge(xyz, 0.12)
    colours = shown(texture.image, texture.corners[face[clear]], weights[clear])
    truth = pattern(xyz[clear])
    assert clear.sum() > 5_000
    assert (colours[:, 0] == truth).mean() > 0.999
    assert (colours[:, 2] == 255 - truth).mean() > 0.999


def test_no_two_faces_share_a_texel(baked: tuple[Mesh, Scan]) -> None:
    """Inner places of faces lie in texels of their own: each pixel shows one spot of the surface."""
    mesh = baked[0]
    assert mesh.texture is not None
    height, width = mesh.texture.image.shape[:2]
    xyz, face, weights = on_faces(mesh, 60_000, 3)
    place = np.floor(np.einsum("ij,ijk->ik", weights, mesh.texture.corners[face]) * [width, height]).astype(int)
    key = place[:, 1] * width + place[:, 0]
    order = np.argsort(key)
    same = key[order][1:] == key[order][:-1]
    apart = np.linalg.norm(xyz[order][1:] - xyz[order][:-1], axis=1)[same]
    assert same.sum() > 5_000
    # The diagonal of a texel at the greatest slant.
    assert apart.max() < 0.04 * np.sqrt(2.0) / 0.3


def test_tiled_is_the_same(baked: tuple[Mesh, Scan], tmp_path: Path) -> None:
    mesh, cloud = baked
    tiled = tile_scan(cloud, tmp_path / "store", tile_points=20_000)
    again = bake_texture(mesh, tiled, texel_m=0.04, neighbours=1)
    assert mesh.texture is not None and again.texture is not None
    assert np.array_equal(mesh.texture.image, again.texture.image)
    assert again.write(tmp_path / "a.glb").read_bytes() == mesh.write(tmp_path / "b.glb").read_bytes()


def test_a_glb_carries_the_picture(baked: tuple[Mesh, Scan], tmp_path: Path) -> None:
    import pyvista

    mesh = baked[0]
    assert mesh.texture is not None
    path = mesh.with_fields(elevation_m=mesh.vertices[:, 2]).write(tmp_path / "a.glb")
    document, binary = glb_parts(path)
    assert document["images"][0]["mimeType"] == "image/png"
    view = document["bufferViews"][document["images"][0]["bufferView"]]
    image = np.asarray(Image.open(io.BytesIO(binary[view["byteOffset"] : view["byteOffset"] + view["byteLength"]])))
    assert np.array_equal(image, mesh.texture.image)
    (primitive,) = document["meshes"][0]["primitives"]
    assert "COLOR_0" not in primitive["attributes"]
    indices = gltf_array(document, binary, primitive["indices"]).reshape(-1, 3)
    places = gltf_array(document, binary, primitive["attributes"]["TEXCOORD_0"])[indices]
    vertices = gltf_array(document, binary, primitive["attributes"]["POSITION"])[indices]
    elevation = gltf_array(document, binary, primitive["attributes"]["_ELEVATION_M"])[indices]
    assert np.allclose(places, mesh.texture.corners, atol=1e-6)
    assert np.allclose(vertices + mesh.origin, mesh.vertices[mesh.faces], atol=1e-4)
    assert np.allclose(elevation[..., 0], mesh.vertices[mesh.faces][..., 2], atol=1e-4)
    read = pyvista.read(path).combine().extract_surface(algorithm=None)
    assert read.n_cells == len(mesh.faces)
    assert read.active_texture_coordinates.shape == (read.n_points, 2)
    back = sx.read_mesh(path)
    assert np.allclose(back.vertices[back.faces], mesh.vertices[mesh.faces], atol=1e-4)


def test_an_obj_names_its_picture(baked: tuple[Mesh, Scan], tmp_path: Path) -> None:
    mesh = baked[0]
    assert mesh.texture is not None
    path = mesh.write(tmp_path / "a.obj")
    assert sorted(item.name for item in tmp_path.iterdir()) == ["a.mtl", "a.obj", "a.png"]
    assert np.array_equal(np.asarray(Image.open(tmp_path / "a.png")), mesh.texture.image)
    assert "map_Kd a.png" in (tmp_path / "a.mtl").read_text()
    lines = path.read_text().splitlines()
    assert "mtllib a.mtl" in lines and "usemtl surface" in lines
    places = np.array([line.split()[1:] for line in lines if line.startswith("vt ")], dtype=float)
    rows = [[int(word.split("/")[1]) - 1 for word in line.split()[1:]] for line in lines if line.startswith("f ")]
    places[:, 1] = 1.0 - places[:, 1]
    assert np.allclose(places[rows], mesh.texture.corners, atol=1e-6)
    assert np.array_equal(sx.read_mesh(path).faces, mesh.faces)


def test_a_viewer_shows_the_colours(tmp_path: Path) -> None:
    """Rendered from above by VTK: quadrants of four colours stand where they were."""
    import pyvista

    side = np.arange(0.05, 8.0, 0.1)
    xy = np.stack(np.meshgrid(side, side), axis=-1).reshape(-1, 2)
    east, north = xy[:, 0] > 4.0, xy[:, 1] > 4.0
    rgb = {
        "red": np.where(east, 255, 0).astype("u1"), "green": np.where(north, 255, 0).astype("u1"),
        "blue": np.zeros(len(xy), "u1"),
    }  # fmt: skip
    cloud = Scan(np.column_stack([xy, np.zeros(len(xy))]) + CORNER, attributes=rgb)
    mesh = Mesh(np.array([[0, 0, 0], [8, 0, 0], [8, 8, 0], [0, 8, 0]]) + CORNER, [[0, 1, 2], [0, 2, 3]])
    bake_texture(mesh, cloud).write(tmp_path / "a.glb")
    plotter = pyvista.Plotter(off_screen=True, window_size=(200, 200), lighting="none")
    plotter.import_gltf(str(tmp_path / "a.glb"))
    plotter.camera_position = [(0.0, 20.0, 0.0), (0.0, 0.0, 0.0), (0.0, 0.0, -1.0)]  # glTF is y-up, north is -z
    picture = plotter.screenshot(return_img=True)
    plotter.close()
    for (row, column), colour in {
        (70, 130): (1, 1), (70, 70): (0, 1), (130, 130): (1, 0), (130, 70): (0, 0),
    }.items():  # fmt: skip
        assert tuple(picture[row, column, :2] > 60) == tuple(map(bool, colour)), (row, column)


def test_the_size_keeps_to_what_can_be_shown(baked: tuple[Mesh, Scan]) -> None:
    mesh, cloud = baked
    plain = Mesh(mesh.vertices, mesh.faces)
    own = bake_texture(plain, cloud).texture
    assert own is not None and own.texel_m == pytest.approx(np.sqrt(mesh.area_m2 / cloud.n_points))
    with pytest.raises(ParameterError, match="more than 16384 texels a side; expected about"):
        bake_texture(plain, cloud, texel_m=1e-4)
    with pytest.raises(ParameterError, match="texels of 0"):
        bake_texture(plain, cloud, texel_m=0.0)
    with pytest.raises(MissingFieldError, match="no colours"):
        bake_texture(plain, Scan(cloud.xyz))
    with pytest.raises(GeometryError, match="no faces"):
        bake_texture(Mesh(plain.vertices, np.empty((0, 3))), cloud)
    with pytest.raises(GeometryError, match="a texture of 2304 faces for 1"):
        Mesh(plain.vertices, plain.faces[:1], texture=own)
    assert simplify(mesh, 500).texture is None
    with pytest.raises(GeometryError, match="a picture of shape"):
        Texture(np.zeros((2, 2), np.uint8), np.zeros((1, 3, 2)), 0.1)


def test_far_points_leave_it_grey(baked: tuple[Mesh, Scan]) -> None:
    mesh, cloud = baked
    half = cloud.select(cloud.xyz[:, 0] < CORNER[0])
    texture = bake_texture(Mesh(mesh.vertices, mesh.faces), half, texel_m=0.1, max_distance_m=0.2).texture
    assert texture is not None and 0.4 < texture.known_share < 0.65
    xyz, face, weights = on_faces(mesh, 2_000, 5)
    far = xyz[:, 0] > CORNER[0] + 0.5
    assert (shown(texture.image, texture.corners[face[far]], weights[far]) == 128).all()


def test_the_command_bakes(baked: tuple[Mesh, Scan], tmp_path: Path) -> None:
    side = np.arange(0.05, 8.0, 0.1)
    xy = np.stack(np.meshgrid(side, side), axis=-1).reshape(-1, 2)
    xyz = np.column_stack([xy, 0.3 * np.sin(xy[:, 0])]) + CORNER
    red = pattern(xyz)
    write_scan(Scan(xyz, attributes={"red": red, "green": red, "blue": red}), tmp_path / "a.laz")
    figures = mesh_file((tmp_path / "a.laz",), tmp_path / "a.glb", cell_m=1.0, texture=True)
    assert figures["texel_m"] == pytest.approx(0.1, rel=0.15)
    assert figures["texture_known_share"] == 1.0
    assert "images" in glb_parts(tmp_path / "a.glb")[0]
    with pytest.raises(ParameterError, match=r"a\.ply holds no texture; expected --to \.glb or \.obj"):
        mesh_file((tmp_path / "a.laz",), tmp_path / "a.ply", cell_m=1.0, texel_m=0.1)
