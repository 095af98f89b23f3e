"""Mesh and grid files: what other programs read from them, and known bytes."""

import json
import struct
from pathlib import Path

import numpy as np
import pyproj
import pytest
import rioxarray  # noqa: F401  registers the accessor
import xarray as xr

from sxrisk.errors import GeometryError, MissingFieldError, OutputError, ParameterError
from sxrisk.scans import Scan
from sxrisk.scans.tiled import tile_scan
from sxrisk.surfaces import Mesh, colour_mesh, write_raster, write_vti

ENDINGS = ["ply", "glb", "obj", "stl", "dxf", "vtp", "vtu"]


def sheet(n: int = 6, coloured: bool = True) -> Mesh:
    """Terrain of n x n vertices, two metres apart, in real coordinates."""
    x, y = (a.ravel() * 2.0 for a in np.meshgrid(np.arange(n), np.arange(n)))
    vertices = np.column_stack([512345 + x, 4123456 + y, 1200 + np.round(np.sin(x), 4)])
    corner = (np.arange(n - 1)[:, None] * n + np.arange(n - 1)).ravel()
    faces = np.concatenate([corner[:, None] + (0, 1, n), corner[:, None] + (1, n + 1, n)])
    fields = {"change_m": np.where(np.arange(n * n) == 3, np.nan, x / 100.0)}
    if coloured:
        fields |= {
            name: (np.arange(n * n) * k % 256).astype("u1") for k, name in ((3, "red"), (5, "green"), (7, "blue"))
        }
    return Mesh(vertices, faces, crs=pyproj.CRS(4547), vertex_fields=fields)


@pytest.mark.parametrize("ending", ENDINGS)
def test_same_mesh_same_bytes(tmp_path: Path, ending: str) -> None:
    assert sheet().write(tmp_path / f"a.{ending}").read_bytes() == sheet().write(tmp_path / f"b.{ending}").read_bytes()


@pytest.mark.parametrize("ending", ["vtp", "vtu"])
def test_vtk_reads_every_digit_and_field(tmp_path: Path, ending: str) -> None:
    from sxrisk.surfaces._vtk import load_pyvista

    mesh = sheet()
    data = load_pyvista().read(mesh.write(tmp_path / f"a.{ending}"))
    np.testing.assert_array_equal(data.points, mesh.vertices)
    faces = data.regular_faces if ending == "vtp" else data.cells_dict[5]
    np.testing.assert_array_equal(faces, mesh.faces)
    np.testing.assert_array_equal(data["change_m"], mesh.vertex_fields["change_m"])
    np.testing.assert_array_equal(data["RGB"][:, 1], mesh.vertex_fields["green"])
    assert data.field_data["crs"][0] == "EPSG:4547"


def test_dxf_holds_faces_at_their_real_places(tmp_path: Path) -> None:
    import ezdxf
    from ezdxf import units

    mesh = sheet()
    drawing = ezdxf.readfile(mesh.write(tmp_path / "a.dxf"))
    audit = drawing.audit()
    assert not audit.errors and not audit.fixes
    assert drawing.units == units.M and drawing.header.custom_vars.get("CRS") == "EPSG:4547"
    faces = list(drawing.modelspace().query("3DFACE[layer=='MESH']"))
    corners = np.array([[face.dxf.vtx0, face.dxf.vtx1, face.dxf.vtx2] for face in faces])
    np.testing.assert_array_equal(corners, mesh.vertices[mesh.faces])
    assert drawing.header["$EXTMIN"] == tuple(mesh.vertices.min(axis=0))
    handles = {face.dxf.handle for face in faces}
    assert len(handles) == len(faces) and max(int(h, 16) for h in handles) < int(drawing.header["$HANDSEED"], 16)


def test_dxf_of_no_faces_is_a_drawing(tmp_path: Path) -> None:
    import ezdxf

    assert len(ezdxf.readfile(Mesh(np.empty((0, 3)), np.empty((0, 3))).write(tmp_path / "a.dxf")).modelspace()) == 0


@pytest.mark.parametrize("ending", ["ply", "obj"])
def test_colours_in_ply_and_obj(tmp_path: Path, ending: str) -> None:
    from sxrisk.surfaces._vtk import load_pyvista

    mesh = sheet()
    data = load_pyvista().read(mesh.write(tmp_path / f"a.{ending}"))
    colours = np.column_stack([mesh.vertex_fields[name] for name in ("red", "green", "blue")]).astype(float)
    read = np.asarray(data["RGB"], dtype=float)
    np.testing.assert_allclose(read * 255 if read.max() <= 1 else read, colours, atol=0.51)
    np.testing.assert_array_equal(data.regular_faces, mesh.faces)


def test_ply_header(tmp_path: Path) -> None:
    head = sheet().write(tmp_path / "a.ply").read_bytes().partition(b"end_header")[0].decode().splitlines()
    assert head[4:] == [
        *(f"property double {name}" for name in ("x", "y", "z", "change_m")),
        *(f"property uchar {name}" for name in ("red", "green", "blue")),
        "element face 50", "property list uchar int vertex_indices",
    ]  # fmt: skip


def test_glb_colours_are_linear_light(tmp_path: Path) -> None:
    mesh = sheet()
    data = mesh.write(tmp_path / "a.glb").read_bytes()
    length = struct.unpack_from("<I", data, 12)[0]
    document = json.loads(data[20 : 20 + length])
    attributes = document["meshes"][0]["primitives"][0]["attributes"]
    assert "_CHANGE_M" in attributes and "_RED" not in attributes
    entry = document["accessors"][attributes["COLOR_0"]]
    assert (entry["type"], entry["componentType"], entry["normalized"]) == ("VEC4", 5123, True)
    start = 28 + length + document["bufferViews"][entry["bufferView"]]["byteOffset"]
    colours = np.frombuffer(data, "<u2", 4 * len(mesh.vertices), start).reshape(-1, 4)
    red = mesh.vertex_fields["red"] / 255.0
    light = np.where(red < 0.04045, red / 12.92, ((red + 0.055) / 1.055) ** 2.4)
    np.testing.assert_allclose(colours[:, 0] / 65535, light, atol=1e-5)
    assert (colours[:, 3] == 65535).all()


def test_mesh_that_cannot_be_written_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(ParameterError, match=r"\.ply, \.glb, \.obj, \.stl, \.dxf, \.vtp, \.vtu"):
        sheet().write(tmp_path / "a.3ds")
    with pytest.raises(OutputError, match="no such folder"):
        sheet().write(tmp_path / "no" / "a.vtp")
    assert list(tmp_path.iterdir()) == []


# ------------------------------------------------------------------------------------------------- colours of a cloud
def coloured_cloud(n: int = 4000, kind: str = "u1") -> Scan:
    rng = np.random.default_rng(2)
    xyz = np.column_stack([512345 + rng.uniform(0, 10, n), 4123456 + rng.uniform(0, 10, n), np.full(n, 1200.0)])
    factor = 1 if kind == "u1" else 256
    red = np.where(xyz[:, 0] < 512350, 200, 20)
    return Scan(xyz, attributes={"red": (red * factor).astype(kind), "green": np.full(n, 40 * factor).astype(kind),
                                 "blue": np.full(n, 60 * factor).astype(kind)})  # fmt: skip


@pytest.mark.parametrize("kind", ["u1", "u2"])
def test_mesh_takes_the_colours_around_it(kind: str) -> None:
    mesh = Mesh([[512347, 4123460, 1200], [512353, 4123460, 1200], [512350, 4123462, 1220.0]], [[0, 1, 2]])
    fields = colour_mesh(mesh, coloured_cloud(kind=kind), max_distance_m=1.0).vertex_fields
    assert fields["red"].tolist() == [200, 20, 128] and fields["green"].tolist() == [40, 40, 128]
    assert fields["colour_known"].tolist() == [1, 1, 0]


@pytest.mark.parametrize("tile_points", [500, 1500])
def test_any_tiling_gives_the_same_colours(tmp_path: Path, tile_points: int) -> None:
    rng = np.random.default_rng(5)
    scan = coloured_cloud()
    scan = scan.with_attributes(green=rng.integers(0, 256, scan.n_points).astype("u1"))
    # Vertices inside, on the rim and beside the cloud.
    places = np.column_stack(
        [512345 + rng.uniform(-1, 11, 300), 4123456 + rng.uniform(-1, 11, 300), np.full(300, 1200.2)]
    )
    mesh = Mesh(places, [[0, 1, 2]])
    tiled = colour_mesh(mesh, tile_scan(scan, tmp_path / "store", tile_points=tile_points)).vertex_fields
    for name, values in colour_mesh(mesh, scan).vertex_fields.items():
        np.testing.assert_array_equal(tiled[name], values, err_msg=name)


def test_cloud_without_colours_is_refused() -> None:
    with pytest.raises(MissingFieldError, match="no colours"):
        colour_mesh(sheet(), Scan([[0.0, 0, 0]]))
    with pytest.raises(ParameterError, match="at least 1"):
        colour_mesh(sheet(), coloured_cloud(10), neighbours=0)


# -------------------------------------------------------------------------------------------------------------- grids
def grid() -> xr.DataArray:
    values = np.arange(12.0).reshape(3, 4)
    values[1, 2] = np.nan
    coords = {"y": 4123500.5 + np.array([2.0, 1.0, 0.0]), "x": 512500.5 + np.arange(4.0)}
    return xr.DataArray(values, dims=("y", "x"), coords=coords, name="elevation_m", attrs={"units": "m"}).rio.write_crs(
        4547
    )


def test_vti_has_each_cell_in_its_place(tmp_path: Path) -> None:
    from sxrisk.surfaces._vtk import load_pyvista

    path = write_vti(grid(), tmp_path / "a.vti")
    data = load_pyvista().read(path)
    assert tuple(data.bounds)[:4] == (512500.0, 512504.0, 4123500.0, 4123503.0)
    # The cell that holds a place has the value of the grid's row there.
    for x, y in ((512500.5, 4123502.5), (512503.5, 4123500.5), (512501.2, 4123501.9)):
        cell = data.find_containing_cell((x, y, 0.0))
        assert data["elevation_m"][cell] == grid().sel(x=x, y=y, method="nearest")
    assert np.isnan(data["elevation_m"]).sum() == 1
    assert data.field_data["crs"][0] == "EPSG:4547" and data.field_data["unit"][0] == "m"
    assert path.read_bytes() == write_vti(grid(), tmp_path / "b.vti").read_bytes()


def test_raster_and_vti_refuse_the_same_grids(tmp_path: Path) -> None:
    for write in (write_raster, write_vti):
        with pytest.raises(GeometryError, match="south to north"):
            write(grid().sortby("y"), tmp_path / "a.tif")
        with pytest.raises(GeometryError, match="dims"):
            write(grid().T, tmp_path / "a.tif")
    assert list(tmp_path.iterdir()) == []
