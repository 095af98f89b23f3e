"""Point files of each format, written by hand or by another library: what comes back is exactly what went in."""

import struct
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pye57
import pytest
from pye57 import libe57

from sxrisk.errors import FileFormatError, SxriskWarning, UnverifiedInputWarning
from sxrisk.scans import read_scan

RNG = np.random.default_rng(3)
HALF = np.sqrt(0.5)


def write(path: Path, text: str, encoding: str = "utf-8") -> Path:
    path.write_bytes(text.encode(encoding))
    return path


# ------------------------------------------------------------------ text
@pytest.mark.parametrize(
    ("name", "text", "expected", "attributes"),
    [
        ("a.csv", "x;y;z\n1,5;2,25;-3,125\n4,5;5,5;6,5\n", [[1.5, 2.25, -3.125], [4.5, 5.5, 6.5]], ()),
        ("a.txt", "512345,1234 4123456,7891 900,25\n512346,1 4123457,2 900,5\n",
         [[512345.1234, 4123456.7891, 900.25], [512346.1, 4123457.2, 900.5]], ()),
        ("a.csv", "Easting [m],Northing [m],Elevation (m),Reflectance\n1,2,3,7\n",
         [[1, 2, 3]], ("intensity",)),
        ("a.csv", "点号|横坐标|纵坐标|标高\nP1|10|20|30\nP2|11|21|31\n", [[10, 20, 30], [11, 21, 31]], ("点号",)),
        ("a.asc", "# a remark\n//X Y Z R G B\n1 2 3 10 20 30\n4 5 6 40 50 60\n",
         [[1, 2, 3], [4, 5, 6]], ("red", "green", "blue")),
        ("a.pts", "2\n1 2 3 -500 10 20 30\n4 5 6 700 40 50 60\n",
         [[1, 2, 3], [4, 5, 6]], ("intensity", "red", "green", "blue")),
        ("a.pts", "1\n1 2 3 -500\n2\n4 5 6 -400\n7 8 9 -300\n", [[1, 2, 3], [4, 5, 6], [7, 8, 9]], ("intensity",)),
        ("a.xyz", "\n\n 1e3   2.5E-1\t3 \n 4 5 6\n", [[1000, 0.25, 3], [4, 5, 6]], ()),
        ("a.csv", '"x","y","z"\n"1","2","3"\n', [[1, 2, 3]], ()),
    ],
)  # fmt: skip
@pytest.mark.filterwarnings("ignore::sxrisk.errors.UnverifiedInputWarning")
def test_text_layouts(
    tmp_path: Path, name: str, text: str, expected: list[list[float]], attributes: tuple[str, ...]
) -> None:
    scan = read_scan(write(tmp_path / name, text))
    assert scan.xyz.tolist() == expected
    assert scan.attribute_names == attributes


def test_pts_columns_have_their_meaning(tmp_path: Path) -> None:
    scan = read_scan(write(tmp_path / "a.pts", "2\n1 2 3 -500 10 20 30\n4 5 6 700 40 50 60\n"))
    assert scan.attributes["intensity"].tolist() == [-500, 700]
    assert scan.attributes["red"].dtype == np.uint8
    assert scan.attributes["blue"].tolist() == [30, 60]
    short = write(tmp_path / "b.pts", "5\n1 2 3\n4 5 6\n")
    with pytest.raises(FileFormatError, match="header counts 5 points, 2 can be read"):
        _ = read_scan(short).xyz


@pytest.mark.parametrize("encoding", ["utf-8-sig", "gb18030", "utf-16"])
def test_encodings_of_headers(tmp_path: Path, encoding: str) -> None:
    path = write(tmp_path / "a.csv", "点号,北坐标,东坐标,高程\nA,20,10,30\n", encoding)
    scan = read_scan(path)
    assert scan.xyz.tolist() == [[10, 20, 30]]
    assert scan.attributes["点号"].tolist() == ["A"]


def test_decimal_commas_that_may_be_thousands_are_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "a.txt", "1,500 2,500 3,500\n1,501 2,501 3,501\n")
    with pytest.raises(FileFormatError, match="may be decimal commas or thousands; expected a decimal point"):
        read_scan(path)


def test_a_headerless_table_says_what_it_takes(tmp_path: Path) -> None:
    path = write(tmp_path / "a.txt", "P1 1 2 3 10 20 30\nP2 4 5 6 40 50 60\n")
    with pytest.warns(UnverifiedInputWarning, match="first three columns of numbers are read as easting"):
        scan = read_scan(path)
    assert scan.xyz.tolist() == [[1, 2, 3], [4, 5, 6]]


def test_text_streams_in_pieces(tmp_path: Path) -> None:
    xyz = np.round(RNG.uniform(0, 100, (5000, 3)), 3)
    path = tmp_path / "a.csv"
    np.savetxt(path, xyz, fmt="%.3f", delimiter=",", header="x,y,z", comments="")
    pieces = list(read_scan(path).chunks(700))
    assert [len(piece) for piece in pieces] == [700] * 7 + [100]
    assert np.array_equal(np.concatenate([piece.xyz for piece in pieces]), xyz)
    scan = read_scan(path)
    assert scan.bounds() == (*xyz.min(axis=0), *xyz.max(axis=0))  # one pass, nothing kept
    assert scan.n_points == 5000
    part = scan.read((20, 20, 60, 60), attributes=())
    inside = ((xyz[:, :2] >= 20) & (xyz[:, :2] < 60)).all(axis=1)
    assert np.array_equal(part.xyz, xyz[inside])


# ------------------------------------------------------------------- PTX
def ptx_station(matrix: npt.NDArray[np.float64], rows: list[str]) -> str:
    head = ["1", str(len(rows)), "{} {} {}".format(*matrix[3, :3])]
    head += ["{} {} {}".format(*matrix[i, :3]) for i in range(3)]
    return "\n".join(head + [" ".join(map(repr, map(float, row))) for row in matrix] + rows) + "\n"


def test_ptx_of_two_stations(tmp_path: Path) -> None:
    first, second = np.eye(4), np.eye(4)
    first[3, :3] = 512000, 4123000, 900
    second[:2, :2] = [[0, 1], [-1, 0]]  # a quarter turn to the left, for row vectors
    second[3, :3] = 512100, 4123000, 901
    text = ptx_station(first, ["1 2 3 0.5 10 20 30", "0 0 0 0.5 0 0 0"])
    text += ptx_station(second, ["10 0 1 0.25 40 50 60", "0 10 1 1 70 80 90", "0 0 0 0.5 0 0 0"])
    scan = read_scan(write(tmp_path / "a.ptx", text))
    assert scan.stations is not None
    assert scan.stations.tolist() == [[512000, 4123000, 900], [512100, 4123000, 901]]
    with pytest.warns(SxriskWarning, match="2 of 5 points have coordinates that are not finite"):
        assert scan.xyz.tolist() == [[512001, 4123002, 903], [512100, 4123010, 902], [512090, 4123000, 902]]
    assert scan.station_index.tolist() == [0, 1, 1]
    assert scan.attributes["intensity"].tolist() == [0.5, 0.25, 1.0]
    assert scan.attributes["green"].tolist() == [20, 50, 80]
    cut = write(tmp_path / "b.ptx", text[: text.rindex("0 10 1")])
    with pytest.raises(FileFormatError, match="breaks off: its header counts 5 points, 3 can be read"):
        _ = read_scan(cut).xyz
    tilted = write(tmp_path / "c.ptx", text.replace("1.0 0.0 0.0 0.0", "9.0 0.0 0.0 0.0", 1))
    with pytest.raises(FileFormatError, match="a matrix that is no rotation and shift"):
        read_scan(tilted)


# ------------------------------------------------------------------- E57
@pytest.fixture
def two_stations(tmp_path: Path) -> Path:
    path = tmp_path / "a.e57"
    near = {
        f"cartesian{axis}": np.array(v, float) for axis, v in zip("XYZ", ([1, 0, 9], [0, 2, 9], [0, 0, 9]), strict=True)
    }
    near |= {"cartesianInvalidState": np.array([0, 0, 2], "i1"), "intensity": np.array([1, 2, 3], "f4")}
    near |= {name: np.array([7, 8, 9], "u1") for name in ("colorRed", "colorGreen", "colorBlue")}
    far = {f"cartesian{axis}": np.array(v, float) for axis, v in zip("XYZ", ([1, 4], [0, 4], [0, 4]), strict=True)}
    far |= {"intensity": np.array([4, 5], "f4")}
    with pye57.E57(str(path), mode="w") as e57:
        e57.write_scan_raw(
            near, name="S1", rotation=np.array([1.0, 0, 0, 0]), translation=np.array([512000.0, 4123000, 900])
        )
        e57.write_scan_raw(
            far, name="S2", rotation=np.array([HALF, 0, 0, HALF]), translation=np.array([512100.0, 4123000, 901])
        )
    return path


def test_e57_of_two_stations(two_stations: Path) -> None:
    scan = read_scan(two_stations)
    assert scan.stations is not None
    assert scan.stations.tolist() == [[512000, 4123000, 900], [512100, 4123000, 901]]
    assert scan.attribute_names == ("intensity", "station_index")  # colour has one of them only
    with pytest.warns(SxriskWarning, match="1 of 5 points"):
        xyz = scan.xyz
    expected = [[512001, 4123000, 900], [512000, 4123002, 900], [512100, 4123001, 901], [512096, 4123004, 905]]
    assert np.abs(xyz - expected).max() < 1e-9
    assert scan.station_index.tolist() == [0, 0, 1, 1]
    assert scan.attributes["intensity"].tolist() == [1, 2, 4, 5]
    assert scan.n_rejected == 1
    # pye57 itself, which drops what is invalid silently, says the same.
    with pye57.E57(str(two_stations)) as e57:
        peer = [e57.read_scan(i, ignore_missing_fields=True, transform=True) for i in range(2)]
    told = np.concatenate([np.column_stack([p[f"cartesian{axis}"] for axis in "XYZ"]) for p in peer])
    assert np.abs(told - xyz).max() < 1e-9
    damaged = two_stations.read_bytes()
    two_stations.write_bytes(damaged[:60] + b"\xff\xff" + damaged[62:])
    with pytest.raises(FileFormatError, match="E57 file is damaged"):
        read_scan(two_stations)


def test_e57_of_range_and_angles(tmp_path: Path) -> None:
    path = tmp_path / "a.e57"
    image = libe57.ImageFile(str(path), "w")
    image.extensionsAdd("", "http://www.astm.org/COMMIT/E57/2010-e57-v1.0")
    root = image.root()
    root.set("formatName", libe57.StringNode(image, "ASTM E57 3D Imaging Data File"))
    root.set("guid", libe57.StringNode(image, "{a}"))
    root.set("versionMajor", libe57.IntegerNode(image, 1))
    root.set("versionMinor", libe57.IntegerNode(image, 0))
    root.set("coordinateMetadata", libe57.StringNode(image, "EPSG:4547"))
    data = libe57.VectorNode(image, True)
    root.set("data3D", data)
    node = libe57.StructureNode(image)
    data.append(node)
    node.set("guid", libe57.StringNode(image, "{b}"))
    start = libe57.StructureNode(image)
    start.set(
        "dateTimeValue",
        libe57.FloatNode(
            image, (datetime(2026, 3, 15, 2, tzinfo=UTC) - datetime(1980, 1, 6, tzinfo=UTC)).total_seconds() + 18
        ),
    )
    node.set("acquisitionStart", start)
    kinds = {"sphericalRange": (0, 1_000_000, 0.001), "sphericalAzimuth": None, "sphericalElevation": None}
    prototype = libe57.StructureNode(image)
    for name, scaled in kinds.items():
        prototype.set(
            name,
            libe57.ScaledIntegerNode(image, 0, scaled[0], scaled[1], scaled[2], 0.0)
            if scaled
            else libe57.FloatNode(image),
        )
    points = libe57.CompressedVectorNode(image, prototype, libe57.VectorNode(image, True))
    node.set("points", points)
    values = {
        "sphericalRange": [10.0, 2.5],
        "sphericalAzimuth": [np.pi / 2, 0.0],
        "sphericalElevation": [0.0, np.pi / 6],
    }
    buffers = libe57.VectorSourceDestBuffer()
    held = {name: np.array(v) for name, v in values.items()}
    for name, array in held.items():
        buffers.append(libe57.SourceDestBuffer(image, name, array, 2, True, True))
    writer = points.writer(buffers)
    writer.write(2)
    writer.close()
    image.close()
    scan = read_scan(path)
    assert scan.crs.to_epsg() == 4547
    assert scan.stations is None  # no pose is stated
    assert scan.epoch == datetime(2026, 3, 15, 2, tzinfo=UTC)
    assert np.abs(scan.xyz - [[0, 10, 0], [2.5 * np.cos(np.pi / 6), 0, 1.25]]).max() < 1e-12


# ------------------------------------------------------------------- PCD
def lzf(data: bytes) -> bytes:
    """Literal runs, and a copy wherever the last 8 bytes come again at once."""
    out, at = bytearray(), 0
    while at < len(data):
        run = data[at : at + 32]
        if at >= 8 and data[at : at + 8] == data[at - 8 : at]:
            out += bytes([6 << 5, 7])  # 6 + 2 bytes from 7 + 1 bytes back
            at += 8
            continue
        run = run[:8]
        out += bytes([len(run) - 1]) + run
        at += len(run)
    return bytes(out)


def test_pcd_compressed(tmp_path: Path) -> None:
    xyz = np.round(RNG.uniform(0, 9, (50, 3)), 2).astype("<f4")
    xyz[10:30] = xyz[10]
    rgb = np.full(50, (200 << 16) | (100 << 8) | 50, "<u4")
    raw = b"".join(xyz[:, i].tobytes() for i in range(3)) + rgb.tobytes()
    packed = lzf(raw)
    assert len(packed) < len(raw)
    head = "VERSION .7\nFIELDS x y z rgb\nSIZE 4 4 4 4\nTYPE F F F F\nCOUNT 1 1 1 1\nWIDTH 50\nHEIGHT 1\n"
    head += "VIEWPOINT 1 2 3 1 0 0 0\nPOINTS 50\nDATA binary_compressed\n"
    path = tmp_path / "a.pcd"
    path.write_bytes(head.encode() + struct.pack("<II", len(packed), len(raw)) + packed)
    scan = read_scan(path)
    assert np.array_equal(scan.xyz, xyz.astype(float))
    assert [set(scan.attributes[name]) for name in ("red", "green", "blue")] == [{200}, {100}, {50}]
    assert scan.stations is not None
    assert scan.stations.tolist() == [[1, 2, 3]]
    path.write_bytes(head.encode() + struct.pack("<II", len(packed), len(raw)) + packed[:-5])
    with pytest.raises(FileFormatError, match="compressed bytes are there"):
        _ = read_scan(path).xyz


def test_pcd_of_open3d(tmp_path: Path) -> None:
    from sxrisk.scans._open3d import load_open3d

    o3d = load_open3d()
    xyz = np.round(RNG.uniform(0, 50, (4000, 3)), 2).astype("f4").astype(float)
    cloud = o3d.geometry.PointCloud(o3d.utility.Vector3dVector(xyz))
    cloud.colors = o3d.utility.Vector3dVector(np.tile([1.0, 0.0, 128 / 255], (len(xyz), 1)))
    for name, options in (
        ("a.pcd", {"compressed": True}),
        ("b.pcd", {}),
        ("c.pcd", {"write_ascii": True}),
        ("d.ply", {}),
    ):
        o3d.io.write_point_cloud(str(tmp_path / name), cloud, **options)
        scan = read_scan(tmp_path / name)
        assert np.abs(scan.xyz - xyz).max() < 1e-5, name
        assert set(scan.attributes["red"]) == {255}
        assert set(scan.attributes["blue"]) == {128}


# ------------------------------------------------------------- PLY and VTK
def test_ply_slices_and_elements_before(tmp_path: Path) -> None:
    rows = np.zeros(1000, dtype=[("x", "<f8"), ("y", "<f8"), ("z", "<f8"), ("scalar_Intensity", "<u2")])
    rows["x"], rows["scalar_Intensity"] = np.arange(1000) + 512000.125, np.arange(1000)
    head = "ply\nformat binary_little_endian 1.0\nelement camera 2\nproperty double f\nelement vertex 1000\n"
    head += "property double x\nproperty double y\nproperty double z\nproperty ushort scalar_Intensity\nend_header\n"
    path = tmp_path / "a.ply"
    path.write_bytes(head.encode() + np.zeros(2).tobytes() + rows.tobytes())
    pieces = list(read_scan(path).chunks(300))
    assert [len(p) for p in pieces] == [300, 300, 300, 100]
    assert np.concatenate([p.xyz[:, 0] for p in pieces]).tolist() == rows["x"].tolist()
    assert pieces[1].attributes["intensity"].tolist() == list(range(300, 600))


def test_a_mesh_is_not_a_scan(tmp_path: Path) -> None:
    head = "ply\nformat ascii 1.0\nelement vertex 3\nproperty float x\nproperty float y\nproperty float z\n"
    head += "element face 1\nproperty list uchar int vertex_indices\nend_header\n0 0 0\n1 0 0\n0 1 0\n3 0 1 2\n"
    with pytest.raises(FileFormatError, match=r"a mesh of 1 faces; expected points\. Open it with read_mesh"):
        read_scan(write(tmp_path / "a.ply", head))
    with pytest.raises(FileFormatError, match=r"files of type \.obj hold meshes.*read_mesh"):
        read_scan(write(tmp_path / "a.obj", "v 0 0 0\n"))


def test_vtk_ascii_and_binary(tmp_path: Path) -> None:
    text = "# vtk DataFile Version 3.0\nt\nASCII\nDATASET POLYDATA\nPOINTS 2 float\n1 2 3 4\n5 6\n"
    text += (
        "VERTICES 2 4\n1 0\n1 1\nPOINT_DATA 2\nSCALARS intensity float 1\nLOOKUP_TABLE default\n7\n8\nNORMALS n float\n"
    )
    text += "0 0 1\n0 1 0\n"
    scan = read_scan(write(tmp_path / "a.vtk", text))
    assert scan.xyz.tolist() == [[1, 2, 3], [4, 5, 6]]
    assert scan.attributes["intensity"].tolist() == [7, 8]
    assert scan.attributes["n"].tolist() == [[0, 0, 1], [0, 1, 0]]
    head = b"# vtk DataFile Version 3.0\nt\nBINARY\nDATASET POLYDATA\nPOINTS 2 double\n"
    (tmp_path / "b.vtk").write_bytes(head + struct.pack(">6d", 1, 2, 3, 4, 5, 6) + b"\n")
    assert read_scan(tmp_path / "b.vtk").xyz.tolist() == [[1, 2, 3], [4, 5, 6]]
    (tmp_path / "b.vtk").write_bytes(head + struct.pack(">5d", 1, 2, 3, 4, 5))
    with pytest.raises(FileFormatError, match="header counts 2 points, 1 can be read"):
        _ = read_scan(tmp_path / "b.vtk").xyz


def test_a_prj_beside_says_the_system(tmp_path: Path) -> None:
    path = write(tmp_path / "a.xyz", "x y z\n1 2 3\n")
    write(tmp_path / "a.prj", "EPSG:4547")
    assert read_scan(path).crs.to_epsg() == 4547
    write(tmp_path / "a.prj", "nonsense")
    with pytest.raises(FileFormatError, match=r"a\.prj: 'nonsense' is no coordinate system"):
        read_scan(path)
