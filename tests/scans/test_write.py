"""Clouds as files: round trips to the last digit, known bytes, other programs' readers, nothing half written."""

import struct
from pathlib import Path

import laspy
import numpy as np
import pytest

from sxrisk.errors import GeometryError, OutputError, ParameterError
from sxrisk.scans import Scan, read_scan, write_scan
from sxrisk.scans.tiled import tile_scan

N = 3000
ENDINGS = ["laz", "las", "copc.laz", "e57", "ply", "pcd", "vtp", "xyz", "csv"]
# 2026-03-15 02:00 UTC on the clock of GPS: days since 1980-01-06, two hours, eighteen leap seconds.
GPS_SECONDS = 16_870 * 86_400 + 7_200 + 18.0
STATIONS = np.array([[512345.5, 4123456.25, 1300.0], [512600.0, 4123800.0, 1310.125]])


def made_up(n: int = N, **more: object) -> Scan:
    rng = np.random.default_rng(4)
    xyz = np.column_stack(
        [rng.uniform(512345, 512745, n), rng.uniform(4123456, 4123856, n), rng.uniform(1170, 1230, n)]
    )
    attributes = {
        "intensity": rng.integers(0, 65536, n).astype("u2"),
        "classification": rng.integers(0, 19, n).astype("u1"),
        "red": rng.integers(0, 256, n).astype("u2") * 256,
        "green": rng.integers(0, 256, n).astype("u2") * 256,
        "blue": rng.integers(0, 256, n).astype("u2") * 256,
        "gps_time": rng.uniform(0, 1000, n),
        "distance_m": np.where(rng.random(n) < 0.1, np.nan, rng.normal(0, 0.1, n)),
        "station_index": rng.integers(-1, 2, n).astype("i4"),
        **more,
    }
    return Scan(
        xyz.round(3),
        crs="EPSG:4547",
        vertical_crs="EPSG:5737",
        epoch="2026-03-15T10:00:00+08:00",
        stations=STATIONS,
        range_sigma_m=0.008,
        registration_sigma_m=0.003,
        attributes=attributes,
        source="pit.laz",
    )


def by_time(scan: Scan) -> Scan:
    """Points in the order of their time: files may hold them in another one."""
    return scan.select(np.argsort(scan.attributes["gps_time"]))


def by_place(scan: Scan) -> Scan:
    """Points in the order of their places to the millimetre."""
    return scan.select(np.lexsort(scan.xyz.round(3).T))


@pytest.mark.parametrize("ending", ["laz", "las", "copc.laz"])
def test_las_comes_back_whole(tmp_path: Path, ending: str) -> None:
    scan = made_up()
    back = by_time(read_scan(write_scan(scan, tmp_path / f"a.{ending}")))
    scan = by_time(scan)
    # Steps of a millimetre: the nearest float to each written coordinate.
    np.testing.assert_allclose(back.xyz, scan.xyz, rtol=0, atol=1e-9)
    for name, values in scan.attributes.items():
        np.testing.assert_array_equal(back.attributes[name], values, err_msg=name)
        assert back.attributes[name].dtype == values.dtype, name
    assert back.crs == scan.crs and back.vertical_crs == scan.vertical_crs
    np.testing.assert_array_equal(back.stations, STATIONS)
    assert back.epoch == scan.epoch
    assert (back.range_sigma_m, back.registration_sigma_m) == (0.008, 0.003)


@pytest.mark.parametrize("ending", ENDINGS)
def test_same_cloud_same_bytes(tmp_path: Path, ending: str) -> None:
    first = write_scan(made_up(), tmp_path / f"a.{ending}").read_bytes()
    assert first == write_scan(made_up(), tmp_path / f"b.{ending}").read_bytes()


@pytest.mark.parametrize("ending", ENDINGS)
def test_tiled_cloud_is_written_tile_by_tile(tmp_path: Path, ending: str) -> None:
    scan = made_up()
    tiled = tile_scan(scan, tmp_path / "store", tile_points=500)
    path = write_scan(tiled, tmp_path / f"tiled.{ending}")
    whole = write_scan(scan, tmp_path / f"whole.{ending}")
    one, other = (by_place(read_scan(p)) for p in (path, whole))
    np.testing.assert_array_equal(one.xyz, other.xyz)
    np.testing.assert_array_equal(one.attributes["intensity"], other.attributes["intensity"])


def test_las_header_and_extra_dimensions(tmp_path: Path) -> None:
    scan = made_up()
    path = write_scan(scan, tmp_path / "a.laz", extra={"lod95_m": np.full(N, 0.02)})
    with laspy.open(path) as file:
        header = file.header
    assert (str(header.version), header.point_format.id, header.point_count) == ("1.4", 7, N)
    assert header.global_encoding.wkt and header.scales.tolist() == [0.001] * 3
    assert header.creation_date.isoformat() == "2026-03-15"
    fields = {d.name: (str(d.dtype), d.description) for d in header.point_format.extra_dimensions}
    assert fields["lod95_m"] == ("float64", "level of detection 95 %, m")
    assert fields["distance_m"] == ("float64", "M3C2 distance, m")
    system = header.parse_crs()
    assert [part.name for part in system.sub_crs_list] == [scan.crs.name, scan.vertical_crs.name]


def test_standard_dimensions_only_where_values_fit(tmp_path: Path) -> None:
    colours = {"red": np.array([0, 255], "u1"), "green": np.array([1, 2], "u1"), "blue": np.array([3, 4], "u1")}
    scan = Scan(np.zeros((2, 3)), attributes={"intensity": [0.25, 0.75], **colours})
    record = laspy.read(write_scan(scan, tmp_path / "a.las"))
    np.testing.assert_array_equal(record["intensity_"], [0.25, 0.75])
    assert record.red.tolist() == [0, 65535] and record.blue.tolist() == [771, 1028]
    assert np.all(np.asarray(record.return_number) == 1) and np.all(np.asarray(record.number_of_returns) == 1)


def test_whole_numbers_of_a_table_are_whole_again(tmp_path: Path) -> None:
    scan = made_up()
    back = by_place(read_scan(write_scan(read_scan(write_scan(scan, tmp_path / "a.csv")), tmp_path / "b.laz")))
    for name in ("intensity", "classification", "red", "gps_time", "distance_m"):
        np.testing.assert_array_equal(back.attributes[name], by_place(scan).attributes[name], err_msg=name)
        assert back.attributes[name].dtype == scan.attributes[name].dtype, name
    table = Scan(np.zeros((2, 3)), attributes={"classification": [2.0, 300.0]})
    assert laspy.read(write_scan(table, tmp_path / "c.las"))["classification_"].tolist() == [2.0, 300.0]


def test_extra_values_of_a_tiled_cloud_follow_its_tiles(tmp_path: Path) -> None:
    tiled = tile_scan(made_up(), tmp_path / "store", tile_points=500)
    heights = np.concatenate([tile.scan.xyz[tile.in_core(), 2] for tile in tiled.tiles()])
    back = read_scan(write_scan(tiled, tmp_path / "a.laz", extra={"height_m": heights}))
    np.testing.assert_allclose(back.attributes["height_m"], back.xyz[:, 2], rtol=0, atol=1e-9)


def test_a_kill_leaves_the_old_file_whole(tmp_path: Path) -> None:
    import subprocess
    import sys
    import time

    path = write_scan(made_up(), tmp_path / "a.copc.laz")
    before = path.read_bytes()
    program = (
        "import sys, numpy as np\n"
        "from sxrisk.scans import Scan, write_scan\n"
        "write_scan(Scan(np.random.default_rng(0).uniform(0, 100, (3_000_000, 3))), sys.argv[1])\n"
    )
    child = subprocess.Popen([sys.executable, "-c", program, str(path)])
    for _ in range(600):
        if any(p.name.startswith(".") for p in tmp_path.iterdir()):
            break
        time.sleep(0.05)
    child.kill()
    child.wait()
    assert path.read_bytes() == before


def test_degrees_keep_a_millimetre(tmp_path: Path) -> None:
    scan = Scan([[112.123456789, 37.123456789, 900.123]], crs="EPSG:4490")
    back = read_scan(write_scan(scan, tmp_path / "a.las"))
    assert np.abs(back.xyz - scan.xyz)[0, :2].max() <= 5.1e-9  # half of a step of 1e-8 degrees: 0.6 mm


def test_cloud_too_wide_for_its_steps(tmp_path: Path) -> None:
    with pytest.raises(GeometryError, match=r"larger resolution_m"):
        write_scan(Scan([[0.0, 0, 0], [1e7, 0, 0]]), tmp_path / "a.laz")
    path = write_scan(Scan([[0.0, 0, 0], [1e7, 0, 0]]), tmp_path / "a.laz", resolution_m=0.01)
    assert read_scan(path).xyz[1, 0] == 1e7


def test_e57_keeps_a_scan_a_station(tmp_path: Path) -> None:
    pye57 = pytest.importorskip("pye57")
    scan = made_up()
    index = scan.attributes["station_index"]
    with pye57.E57(str(write_scan(scan, tmp_path / "a.e57"))) as file:
        assert file.scan_count == 3
        for number in range(2):
            header = file.get_header(number)
            np.testing.assert_array_equal(header.translation, STATIONS[number])
            np.testing.assert_array_equal(header.rotation, [1, 0, 0, 0])
            raw = file.read_scan_raw(number, ignore_unsupported_fields=True)
            seen = index == number
            np.testing.assert_array_equal(raw["cartesianX"], scan.xyz[seen, 0] - STATIONS[number, 0])
            np.testing.assert_array_equal(raw["intensity"], scan.attributes["intensity"][seen])
            np.testing.assert_array_equal(raw["colorRed"], scan.attributes["red"][seen] // 256)
        assert file.get_header(2).point_count == (index == -1).sum()
        assert "CGCS2000" in file.root["coordinateMetadata"].value()
        assert file.root["creationDateTime"]["dateTimeValue"].value() == GPS_SECONDS


def test_e57_comes_back_whole(tmp_path: Path) -> None:
    scan = by_place(made_up())
    back = by_place(read_scan(write_scan(scan, tmp_path / "a.e57")))
    np.testing.assert_allclose(back.xyz, scan.xyz, rtol=0, atol=1e-9)
    np.testing.assert_array_equal(back.stations, STATIONS)
    np.testing.assert_array_equal(back.station_index, scan.station_index)
    np.testing.assert_array_equal(back.attributes["intensity"], scan.attributes["intensity"])
    assert back.crs == scan.crs and back.epoch == scan.epoch


def test_ply_bytes_are_known(tmp_path: Path) -> None:
    colours = {name: np.array([v], "u1") for name, v in zip(("red", "green", "blue"), (1, 2, 3), strict=True)}
    scan = Scan([[1.5, 2.5, 3.5]], attributes={**colours, "distance_m": np.array([0.25], "f4")})
    data = write_scan(scan, tmp_path / "a.ply").read_bytes()
    head, _, body = data.partition(b"end_header\n")
    assert head.decode().splitlines() == [
        "ply", "format binary_little_endian 1.0", "comment crs unknown", "comment -----------", "element vertex 1",
        "property double x", "property double y", "property double z", "property uchar red", "property uchar green",
        "property uchar blue", "property float scalar_distance_m",
    ]  # fmt: skip
    assert body == struct.pack("<3d3Bf", 1.5, 2.5, 3.5, 1, 2, 3, 0.25)


@pytest.mark.parametrize("ending", ["ply", "pcd", "csv", "xyz"])
def test_plain_files_come_back(tmp_path: Path, ending: str) -> None:
    scan = made_up()
    back = read_scan(write_scan(scan, tmp_path / f"a.{ending}"))
    np.testing.assert_array_equal(back.xyz, scan.xyz)
    for name in ("intensity", "classification", "gps_time", "distance_m"):
        np.testing.assert_array_equal(back.attributes[name], scan.attributes[name], err_msg=name)


@pytest.mark.parametrize("ending", ["ply", "pcd"])
def test_open3d_reads_plain_files(tmp_path: Path, ending: str) -> None:
    from sxrisk.scans._open3d import load_open3d

    scan = made_up()
    cloud = load_open3d().t.io.read_point_cloud(str(write_scan(scan, tmp_path / f"a.{ending}"))).point
    np.testing.assert_array_equal(cloud.positions.numpy(), scan.xyz)
    name = "scalar_distance_m" if ending == "ply" else "distance_m"
    np.testing.assert_array_equal(cloud[name].numpy()[:, 0], scan.attributes["distance_m"])
    np.testing.assert_array_equal(cloud.colors.numpy()[:, 0], scan.attributes["red"] // 256)


def test_vtp_is_read_by_vtk(tmp_path: Path) -> None:
    from sxrisk.surfaces._vtk import load_pyvista

    scan = made_up()
    data = load_pyvista().read(write_scan(scan, tmp_path / "a.vtp"))
    np.testing.assert_array_equal(data.points, scan.xyz)
    np.testing.assert_array_equal(data["distance_m"], scan.attributes["distance_m"])
    np.testing.assert_array_equal(data["RGB"][:, 2], scan.attributes["blue"] // 256)
    assert data.n_cells == N and data.field_data["crs"][0] == "EPSG:4547+5737"


def test_text_has_a_header_and_no_more_digits_than_there_are(tmp_path: Path) -> None:
    scan = Scan([[512345.678, 4123456.789, 1200.0]], attributes={"n": np.array([7], "u1"), "v": [np.nan]})
    assert write_scan(scan, tmp_path / "a.csv").read_text() == "x,y,z,n,v\n512345.678,4123456.789,1200,7,nan\n"
    assert write_scan(scan, tmp_path / "a.xyz").read_text().splitlines()[0] == "x y z n v"


def test_rows_that_are_not_finite_are_not_counted(tmp_path: Path) -> None:
    dtype = [("x", "<f8"), ("y", "<f8"), ("z", "<f8")]
    rows = np.array([(1, 2, 3), (np.nan, 2, 3), (4, 5, 6)], dtype=dtype)
    head = "ply\nformat binary_little_endian 1.0\nelement vertex 3\n" + "".join(f"property double {a}\n" for a in "xyz")
    (tmp_path / "in.ply").write_bytes(head.encode() + b"end_header\n" + rows.tobytes())
    with pytest.warns(UserWarning, match="not finite"):
        scan = read_scan(tmp_path / "in.ply")
        _ = scan.xyz
    for ending in ("ply", "pcd", "laz", "copc.laz", "e57"):
        assert len(read_scan(write_scan(scan, tmp_path / f"out.{ending}")).xyz) == 2


def test_wrong_input_is_refused_and_nothing_is_left(tmp_path: Path) -> None:
    scan = made_up(5)
    with pytest.raises(ParameterError, match=r"shape \(1,\) for 5 points"):
        write_scan(scan, tmp_path / "a.laz", extra={"d": [1.0]})
    with pytest.raises(ParameterError, match=r"expected \.copc\.laz, \.laz"):
        write_scan(scan, tmp_path / "a.docx")
    with pytest.raises(ParameterError, match="1 to 31 bytes"):
        write_scan(scan, tmp_path / "a.laz", extra={"x" * 40: np.zeros(5)})
    with pytest.raises(ParameterError, match="one word of ASCII"):
        write_scan(scan, tmp_path / "a.ply", extra={"two words": np.zeros(5)})
    with pytest.raises(GeometryError, match="without points"):
        write_scan(scan.select(np.zeros(5, bool)), tmp_path / "a.laz")
    with pytest.raises(OutputError, match="no such folder"):
        write_scan(scan, tmp_path / "no" / "a.laz")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("ending", ["laz", "copc.laz", "e57", "ply", "csv"])
def test_full_disk_leaves_nothing(tmp_path: Path, ending: str) -> None:
    """A child process whose files may not grow beyond 20 kB stands for a full disk."""
    import subprocess
    import sys

    write_scan(made_up(), tmp_path / "in.laz")
    program = (
        "import resource, signal, sys\n"
        "from sxrisk.scans import read_scan, write_scan\n"
        "scan = read_scan(sys.argv[1]); scan.xyz\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))\n"
        "from sxrisk.errors import OutputError\n"
        "try:\n    write_scan(scan, sys.argv[2])\n"
        "except OutputError as error:\n    print('OutputError', error)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path / "in.laz"), str(tmp_path / f"out.{ending}")],
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.stdout.startswith("OutputError"), done.stderr
    assert [p.name for p in tmp_path.iterdir()] == ["in.laz"]
