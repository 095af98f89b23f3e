"""What is written comes back: coordinates to the last bit, systems without a code, LAS's own dimensions, returns."""

from pathlib import Path

import laspy
import numpy as np
import pye57
import pyproj
import pytest

from sxrisk.assess.scan_jobs import convert_file, ground_file
from sxrisk.errors import FileFormatError
from sxrisk.scans import Scan, read_scan, scan_info, tile_scan, write_scan
from sxrisk.scans.files.e57 import stations_of

RNG = np.random.default_rng(7)
N = 2_000
# A mine's own grid: no registry has a code for it.
MINE_GRID = "+proj=tmerc +lat_0=0 +lon_0=112.7 +k=1.0001 +x_0=500000 +y_0=0 +ellps=GRS80 +units=m"
MINE_HEIGHTS = pyproj.CRS.from_wkt(
    'VERTCRS["矿区 高程",VDATUM["mine height datum"],CS[vertical,1],AXIS["up",up],LENGTHUNIT["metre",1]]'
)
FILLED = ("intensity", "return_number", "number_of_returns", "classification", "user_data", "point_source_id",
          "gps_time", "red", "green", "blue", "nir")  # fmt: skip


def las(path: Path, point_format: int, scales: tuple[float, float, float]) -> laspy.LasData:
    """A file of another program: an odd lattice and every standard dimension filled."""
    header = laspy.LasHeader(version="1.4" if point_format > 5 else "1.2", point_format=point_format)
    header.scales, header.offsets = scales, [512_000.1, 4_123_000.7, 0.3]
    data = laspy.LasData(header)
    for axis in "XYZ":
        data[axis] = RNG.integers(-(10**6), 10**6, N)
    for name in set(FILLED) & set(data.point_format.dimension_names):
        data[name] = RNG.uniform(0, 1e5, N) if name == "gps_time" else RNG.integers(1, 5, N)
    if point_format <= 5:
        data["scan_angle_rank"] = RNG.integers(-90, 91, N)
    else:
        data["scan_angle"] = RNG.integers(-30_000, 30_001, N)
    data.write(path)
    return data


@pytest.mark.parametrize("ending", ["las", "laz", "copc.laz"])
@pytest.mark.parametrize("tiled", [False, True])
def test_las_to_las_keeps_every_bit_of_a_coordinate(tmp_path: Path, ending: str, tiled: bool) -> None:
    given = las(tmp_path / "in.las", 6, (0.00025, 0.0005, 0.0001))
    cloud = read_scan(tmp_path / "in.las")
    path = write_scan(
        tile_scan(cloud, tmp_path / "store", tile_points=500) if tiled else cloud, tmp_path / f"a.{ending}"
    )
    back = laspy.read(path)
    assert list(back.header.scales) == list(given.header.scales)
    assert list(back.header.offsets) == list(given.header.offsets)
    one, other = (
        np.column_stack([np.asarray(data[axis]) for axis in "xyz"])[np.argsort(data["gps_time"])]
        for data in (given, back)
    )
    assert np.array_equal(one, other)


def test_commands_keep_the_lattice_and_a_stated_step_wins(tmp_path: Path) -> None:
    las(tmp_path / "in.las", 6, (0.0001,) * 3)
    convert_file((tmp_path / "in.las",), tmp_path / "a.laz")
    assert np.array_equal(read_scan(tmp_path / "a.laz").xyz, read_scan(tmp_path / "in.las").xyz)
    ground_file((tmp_path / "in.las",), tmp_path / "b.laz")
    assert np.array_equal(read_scan(tmp_path / "b.laz").xyz, read_scan(tmp_path / "in.las").xyz)
    convert_file((tmp_path / "in.las",), tmp_path / "c.laz", coordinate_step_m=0.01)
    assert laspy.read(tmp_path / "c.laz").header.scales.tolist() == [0.01] * 3


@pytest.mark.parametrize("point_format", [0, 1, 3, 6, 7, 8])
def test_standard_dimensions_stay_standard(tmp_path: Path, point_format: int) -> None:
    given = las(tmp_path / "in.las", point_format, (0.001,) * 3)
    back = laspy.read(write_scan(read_scan(tmp_path / "in.las"), tmp_path / "a.laz"))
    assert list(back.point_format.extra_dimension_names) == []
    own = set(given.point_format.dimension_names)
    for name in FILLED:
        if name in own:
            assert np.array_equal(given[name], back[name]), name
    if point_format > 5:
        assert np.array_equal(given["scan_angle"], back["scan_angle"])
    else:
        assert np.abs(np.asarray(back["scan_angle"]) * 0.006 - given["scan_angle_rank"]).max() <= 0.003 + 1e-9


@pytest.mark.parametrize("ending", ["ply", "pcd", "vtp", "e57", "laz"])
@pytest.mark.parametrize(
    ("crs", "vertical_crs"),
    [(MINE_GRID, None), (MINE_GRID, "EPSG:5737"), (MINE_GRID, MINE_HEIGHTS), ("EPSG:4547", MINE_HEIGHTS),
     (None, "EPSG:5737"), ("EPSG:4547", None)],
)  # fmt: skip
def test_systems_without_a_code_come_back(tmp_path: Path, ending: str, crs: object, vertical_crs: object) -> None:
    scan = Scan(RNG.uniform(0, 50, (20, 3)) + np.array([5e5, 4.1e6, 900.0]), crs=crs, vertical_crs=vertical_crs)
    back = read_scan(write_scan(scan, tmp_path / f"a.{ending}"))
    assert (back.crs, back.vertical_crs) == (scan.crs, scan.vertical_crs)


def test_other_programs_read_a_ply_with_a_long_system(tmp_path: Path) -> None:
    from sxrisk.scans._open3d import load_open3d

    scan = Scan(RNG.uniform(0, 50, (20, 3)), crs=MINE_GRID, vertical_crs=MINE_HEIGHTS)
    path = write_scan(scan, tmp_path / "a.ply")
    head = path.read_bytes().partition(b"end_header")[0]
    assert max(map(len, head.split(b"\n"))) < 256 and head.isascii()
    cloud = load_open3d().t.io.read_point_cloud(str(path)).point
    assert np.array_equal(cloud.positions.numpy(), scan.xyz)


def test_tables_say_where_their_stations_are(tmp_path: Path) -> None:
    places = [[5e5, 4.1e6, 905.0], [5e5 + 40.25, 4.1e6, 906.5]]
    index = RNG.integers(-1, 2, 200).astype(np.int32)
    scan = Scan(RNG.uniform(0, 50, (200, 3)).round(3), stations=places, attributes={"station_index": index})
    for ending in ("csv", "xyz"):
        back = read_scan(write_scan(scan, tmp_path / f"a.{ending}"))
        assert np.array_equal(back.xyz, scan.xyz)
        assert np.array_equal(back.station_index, index)
        assert back.stations is not None and back.stations.tolist() == places
        assert scan_info(tmp_path / f"a.{ending}").n_points == 200


def test_fields_of_our_e57_come_back(tmp_path: Path) -> None:
    values = {
        "gps_time": RNG.uniform(2e8, 3e8, N),
        "return_number": RNG.integers(1, 5, N).astype(np.uint8),
        "number_of_returns": np.full(N, 5, np.uint8),
        "classification": RNG.integers(0, 19, N).astype(np.uint8),
        "scan_angle": RNG.integers(-9_000, 9_000, N).astype(np.int16),
        "distance_m": np.where(RNG.random(N) < 0.1, np.nan, RNG.normal(size=N)),
    }
    scan = Scan(RNG.uniform(0, 50, (N, 3)), attributes=values, epoch="2026-03-15T10:00:00+08:00")
    path = write_scan(scan, tmp_path / "a.e57")
    back = read_scan(path)
    assert set(back.attribute_names) == {*values, "station_index"}
    for name, column in values.items():
        assert np.array_equal(back.attributes[name], column, equal_nan=column.dtype.kind == "f"), name
    with pye57.E57(str(path)) as file:
        # ASTM E2807 counts returns from 0, LAS from 1.
        assert stations_of(file, path)[0].limits["returnIndex"] == (0.0, 3.0)
        assert "timeStamp" not in file.get_header(0).point_fields
    unknown = Scan(np.zeros((2, 3)), attributes={"return_number": np.array([0, 1], np.uint8)})
    back = read_scan(write_scan(unknown, tmp_path / "b.e57"))
    assert back.attributes["return_number"].tolist() == [0, 1]


@pytest.mark.parametrize("mode", ["Ascii", "Binary", "Appended"])
@pytest.mark.parametrize("compressor", ["None", "ZLib", "LZMA"])
@pytest.mark.parametrize("encoded", [False, True])
def test_vtp_of_vtk(tmp_path: Path, mode: str, compressor: str, encoded: bool) -> None:
    import pyvista
    from vtkmodules.vtkIOXML import vtkXMLPolyDataWriter

    cloud = pyvista.PolyData(RNG.uniform(0, 100, (N, 3)))
    cloud["number"] = np.arange(N)
    cloud["pair"] = RNG.uniform(0, 1, (N, 2)).astype(np.float32)
    cloud["RGB"] = RNG.integers(0, 256, (N, 3)).astype(np.uint8)
    writer = vtkXMLPolyDataWriter()
    writer.SetInputData(cloud)
    writer.SetFileName(str(tmp_path / "a.vtp"))
    getattr(writer, f"SetDataModeTo{mode}")()
    getattr(writer, f"SetCompressorTypeTo{compressor}")()
    writer.SetEncodeAppendedData(encoded)
    writer.SetBlockSize(4096)
    writer.Write()
    back = read_scan(tmp_path / "a.vtp")
    assert back.n_points == N
    # Text holds fewer digits than the number.
    assert np.allclose(back.xyz, cloud.points, rtol=0, atol=1e-3 if mode == "Ascii" else 0)
    assert np.array_equal(back.attributes["number"], cloud["number"])
    assert np.allclose(back.attributes["pair"], cloud["pair"], rtol=0, atol=1e-5)
    for at, name in enumerate(("red", "green", "blue")):
        assert np.array_equal(back.attributes[name], cloud["RGB"][:, at])


def test_vtp_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    import pyvista
    from vtkmodules.vtkIOXML import vtkXMLPolyDataWriter

    sphere = pyvista.Sphere()
    sphere.save(tmp_path / "mesh.vtp")
    with pytest.raises(FileFormatError, match="the file is a mesh"):
        read_scan(tmp_path / "mesh.vtp")
    writer = vtkXMLPolyDataWriter()
    writer.SetInputData(pyvista.PolyData(np.zeros((3, 3))))
    writer.SetFileName(str(tmp_path / "lz4.vtp"))
    writer.SetCompressorTypeToLZ4()
    writer.Write()
    with pytest.raises(FileFormatError, match=r"packed by vtkLZ4DataCompressor.*compression off"):
        read_scan(tmp_path / "lz4.vtp")
    path = write_scan(Scan(RNG.uniform(0, 50, (N, 3))), tmp_path / "a.vtp")
    path.write_bytes(path.read_bytes()[:20_000])
    with pytest.raises(FileFormatError, match=f"counts {N} points"):
        read_scan(path)
