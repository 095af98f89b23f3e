"""Meshes, grids, volumes, sections and their files, against shapes that are known."""

import json
import struct
import subprocess
import sys
from math import erf
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from shapely import LineString, box

from sxrisk.errors import GeometryError, OutputError, ParameterError
from sxrisk.scans import Scan
from sxrisk.surfaces import (
    Mesh,
    grid_elevation,
    section,
    simplify,
    terrain_mesh,
    volume_between,
    write_raster,
    write_sections_dxf,
)
from sxrisk.surfaces.grids import fill_gaps
from sxrisk.surfaces.volumes import base_surface

ORIGIN = np.array([512000.0, 4123000.0, 1200.0])


def cube() -> Mesh:
    corners = np.array([[x, y, z] for x in (0, 2) for y in (0, 2) for z in (0, 2)], dtype=float) + ORIGIN
    quads = [(0, 1, 3, 2), (4, 6, 7, 5), (0, 4, 5, 1), (2, 3, 7, 6), (0, 2, 6, 4), (1, 5, 7, 3)]
    faces = [f for a, b, c, d in quads for f in ((a, b, c), (a, c, d))]
    return Mesh(corners, faces, vertex_fields={"change_m": np.array([0.1, np.nan, 0, 0, 0, 0, 0, 0.5])})


def test_cube() -> None:
    mesh = cube()
    assert mesh.is_watertight
    assert mesh.volume_m3 == pytest.approx(8.0, abs=1e-9)
    assert mesh.area_m2 == pytest.approx(24.0, abs=1e-9)
    assert not Mesh(mesh.vertices, mesh.faces[1:]).is_watertight
    turned = Mesh(mesh.vertices, mesh.faces[:, ::-1])
    assert turned.volume_m3 == pytest.approx(-8.0)


def test_mesh_refuses() -> None:
    with pytest.raises(GeometryError, match="a face names vertex 3 of 3"):
        Mesh(np.zeros((3, 3)), [[0, 1, 3]])
    with pytest.raises(GeometryError, match="1 vertices are not finite"):
        Mesh([[0, 0, 0], [1, 0, 0], [0, np.nan, 0]], [[0, 1, 2]])
    with pytest.raises(ParameterError, match=r"\.ply, \.glb, \.obj, \.stl"):
        cube().write("a.dwg")


def test_glb_is_what_a_browser_reads(tmp_path: Path) -> None:
    data = cube().write(tmp_path / "a.glb").read_bytes()
    magic, version, length = struct.unpack_from("<4sII", data)
    assert (magic, version, length) == (b"glTF", 2, len(data))
    size, kind = struct.unpack_from("<I4s", data, 12)
    assert kind == b"JSON"
    document = json.loads(data[20 : 20 + size])
    assert document["asset"]["extras"]["origin"] == [512001.0, 4123001.0, 1201.0]
    attributes = document["meshes"][0]["primitives"][0]["attributes"]
    assert set(attributes) == {"POSITION", "NORMAL", "_CHANGE_M", "_CHANGE_M_KNOWN"}
    position = document["accessors"][attributes["POSITION"]]
    assert position["min"] == [-1, -1, -1]
    assert position["max"] == [1, 1, 1]
    binary = data[20 + size + 8 :]
    view = document["bufferViews"][document["accessors"][attributes["_CHANGE_M"]]["bufferView"]]
    assert np.isfinite(np.frombuffer(binary, "<f4", 8, view["byteOffset"])).all()  # glTF forbids NaN
    assert document["buffers"][0]["byteLength"] == len(binary)


@pytest.mark.parametrize("kind", ["ply", "glb", "obj", "stl"])
def test_files_are_the_same_twice_and_open_in_open3d(tmp_path: Path, kind: str) -> None:
    from sxrisk.scans._open3d import load_open3d

    first, second = (cube().write(tmp_path / f"{i}.{kind}") for i in (1, 2))
    assert first.read_bytes() == second.read_bytes()
    opened = load_open3d().io.read_triangle_mesh(str(first))
    assert len(opened.triangles) == 12
    if kind in ("ply", "obj"):
        assert np.asarray(opened.vertices).min(axis=0) == pytest.approx(ORIGIN)


def hill(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    return 8.0 * np.exp(-((x - 50) ** 2 + (y - 40) ** 2) / 400.0) + 0.05 * x


def hill_scan(n: int, seed: int, height: float = 1.0, hole: bool = False) -> Scan:
    rng = np.random.default_rng(seed)
    x, y = rng.uniform(0, 100, n), rng.uniform(0, 80, n)
    if hole:
        keep = np.hypot(x - 55, y - 45) > 3.0
        x, y = x[keep], y[keep]
    z = height * (hill(x, y) - 0.05 * x) + 0.05 * x + rng.normal(0, 0.01, len(x))
    return Scan(np.column_stack([x, y, z]) + ORIGIN, crs=4547)


def test_grid_against_numpy() -> None:
    scan = hill_scan(20_000, 1)
    for method, function in (("mean", np.mean), ("min", np.min), ("max", np.max)):
        grid = grid_elevation(scan, 2.0, method=method)
        x, y = float(grid.x[7]), float(grid.y[11])
        inside = (np.abs(scan.xyz[:, 0] - x) < 1.0) & (np.abs(scan.xyz[:, 1] - y) < 1.0)
        assert float(grid[11, 7]) == pytest.approx(function(scan.xyz[inside, 2]), abs=1e-9)
    middle = grid_elevation(scan, 2.0, method="percentile", percentile=30.0)
    assert float(middle[11, 7]) == pytest.approx(np.percentile(scan.xyz[inside, 2], 30.0), abs=1e-9)
    assert grid.rio.crs.to_epsg() == 4547
    assert grid.attrs["units"] == "m"
    assert int(grid_elevation(scan, 2.0, method="count").sum()) == scan.n_points


def test_grid_holes_stay_and_are_filled_on_request() -> None:
    grid = grid_elevation(hill_scan(60_000, 1, hole=True), 1.0)
    assert np.isnan(grid.sel(x=512055.5, y=4123045.5))
    whole, filled = fill_gaps(grid, 8.0)
    assert filled.sum() > 15
    assert float(whole.sel(x=512055.5, y=4123045.5)) == pytest.approx(1200 + hill(55.5, 45.5), abs=0.25)
    narrow, _ = fill_gaps(grid, 3.0)
    assert np.isnan(narrow.sel(x=512055.5, y=4123045.5))


def test_grid_refuses() -> None:
    scan = hill_scan(100, 1)
    with pytest.raises(ParameterError, match="cells of 0 m"):
        grid_elevation(scan, 0)
    with pytest.raises(ParameterError, match=r"stray point far away"):
        grid_elevation(Scan([[0, 0, 0], [1e7, 1e7, 0]]), 0.5)
    with pytest.raises(ParameterError, match="percentile None"):
        grid_elevation(scan, 1.0, method="percentile")


@pytest.mark.parametrize("hole", [False, True])
def test_volume_of_a_hill(hole: bool) -> None:
    before = grid_elevation(hill_scan(80_000, 1, height=0.0), 1.0)
    after = grid_elevation(hill_scan(80_000, 2, hole=hole), 1.0)
    change = volume_between(before, after, max_gap_m=8.0, cell_sigma_m=0.01, common_sigma_m=0.002)
    truth = 8.0 * np.pi * 400.0 * erf(50 / 20) * erf(40 / 20)  # what of the Gaussian lies on the plot
    assert change.net_m3 == pytest.approx(truth, rel=0.005)
    assert change.cut_m3 < 30
    assert change.sigma_m3 > 0.002 * 8000 * 0.9
    if hole:
        assert 0.002 < change.filled_share < 0.01


def test_volume_inside_outline_and_of_a_level() -> None:
    after = grid_elevation(hill_scan(80_000, 2), 1.0)
    part = volume_between(1200.0, after, outline=box(512000, 4123000, 512010, 4123010))
    assert part.area_m2 == 100.0
    assert part.net_m3 == pytest.approx(100 * 0.25, rel=0.05)
    with pytest.raises(GeometryError, match="no cell in common inside the outline"):
        volume_between(1200.0, after, outline=box(0, 0, 1, 1))
    with pytest.raises(GeometryError, match="do not lie on each other"):
        volume_between(grid_elevation(hill_scan(1000, 1), 3.0), after)


def test_base_of_a_heap_on_a_slope() -> None:
    grid = grid_elevation(hill_scan(80_000, 3), 1.0)
    outline = LineString([(512050, 4123040), (512050.1, 4123040)]).buffer(38)
    base = base_surface(grid, outline)
    assert float(base.sel(x=512050.5, y=4123040.5)) == pytest.approx(1200 + 2.525, abs=0.35)


def test_terrain_mesh_and_simplification() -> None:
    scan = hill_scan(80_000, 1, hole=True)
    mesh = terrain_mesh(scan, 1.0)
    assert mesh.vertex_normals[:, 2].min() > 0  # faces look up
    assert mesh.area_m2 == pytest.approx(8000, rel=0.05)
    small = simplify(mesh, 2000)
    assert 1000 < len(small.faces) <= 2100
    away = np.abs(small.vertices[:, 2] - 1200 - hill(*(small.vertices[:, :2] - ORIGIN[:2]).T))
    assert np.percentile(away, 95) < 0.15
    assert np.array_equal(small.vertex_fields["elevation_m"], small.vertices[:, 2])
    # The hole is still one: no vertex in its middle, no face across it.
    centres = small.vertices[small.faces].mean(axis=1) - ORIGIN
    assert np.hypot(centres[:, 0] - 55, centres[:, 1] - 45).min() > 1.0


def test_sections_of_grid_and_mesh(tmp_path: Path) -> None:
    grid = grid_elevation(hill_scan(80_000, 1), 1.0)
    line = LineString([(512005, 4123040), (512095, 4123040)])
    cut = section({"grid": grid, "mesh": terrain_mesh(grid)}, line, name="A")
    assert [label for label, _ in cut.profiles] == ["grid", "mesh"]
    for _, profile in cut.profiles:
        at = np.interp(45.0, profile[:, 0], profile[:, 1])
        assert at == pytest.approx(1200 + hill(50.0, 40.0), abs=0.1)
    loop = section(cube(), [(511990, 4123001), (512010, 4123001)]).profiles
    assert len(loop) == 1
    assert np.allclose(loop[0][1][0], loop[0][1][-1])
    first = write_sections_dxf([cut], tmp_path / "a.dxf").read_bytes()
    assert first == write_sections_dxf([cut], tmp_path / "b.dxf").read_bytes()
    import ezdxf

    drawing = ezdxf.readfile(tmp_path / "a.dxf")
    assert not drawing.audit().has_errors
    assert {e.dxf.layer for e in drawing.modelspace().query("LWPOLYLINE")} == {"SECTION_grid", "SECTION_mesh"}
    with pytest.raises(ParameterError, match="no sections to draw"):
        write_sections_dxf([], tmp_path / "c.dxf")


def test_raster_is_cloud_optimised_and_the_same_twice(tmp_path: Path) -> None:
    import rasterio

    grid = grid_elevation(hill_scan(5_000, 1), 1.0)
    path = write_raster(grid, tmp_path / "a.tif")
    assert path.read_bytes() == write_raster(grid, tmp_path / "b.tif").read_bytes()
    with rasterio.open(path) as file:
        assert file.crs.to_epsg() == 4547
        assert file.units == ("m",)
        assert file.tags(ns="IMAGE_STRUCTURE")["LAYOUT"] == "COG"
        values = file.read(1)
        assert file.xy(0, 0) == (float(grid.x[0]), float(grid.y[0]))
    assert np.array_equal(values, grid.to_numpy().astype("f4"), equal_nan=True)
    with pytest.raises(GeometryError, match="south to north"):
        write_raster(grid.isel(y=slice(None, None, -1)), tmp_path / "c.tif")
    with pytest.raises(OutputError):
        write_raster(grid, tmp_path / "none" / "c.tif")


def test_levels_meet_on_one_grid() -> None:
    grids = [grid_elevation(hill_scan(3000, seed), 0.7) for seed in (1, 2)]
    a, b = xr.align(*grids, join="inner")
    assert a.size > 0.9 * grids[0].size
    assert np.array_equal(a.x, b.x)


def test_rendering_without_a_display_is_silent(tmp_path: Path) -> None:
    code = (
        "from sxrisk.surfaces._vtk import load_pyvista\n"
        "pv = load_pyvista()\n"
        "p = pv.Plotter(off_screen=True, window_size=(64, 64)); p.add_mesh(pv.Sphere())\n"
        f"p.screenshot(r'{tmp_path / 'a.png'}')\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=120)
    assert done.stderr == ""
    assert (tmp_path / "a.png").stat().st_size > 200


def test_nothing_heavy_is_loaded_with_the_rooms() -> None:
    code = (
        "import sys, sxrisk.scans, sxrisk.surfaces, sxrisk.sites\n"
        "heavy = {'open3d', 'vtkmodules', 'pyvista', 'numba', 'matplotlib', 'ezdxf', 'laspy', 'rasterio', 'scipy'}\n"
        "sys.exit(','.join(sorted(heavy & set(sys.modules))))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert done.stderr.strip() == ""
