"""LAS of every version, LAZ, and COPC by box and by level of detail."""

import struct
from pathlib import Path

import laspy
import numpy as np
import pytest

from sxrisk.errors import FileFormatError, ParameterError, UnverifiedInputWarning
from sxrisk.scans import Scan, read_scan, scan_info, write_scan

RNG = np.random.default_rng(8)
RAW = np.array([[1, 2, 3], [-4, 5, 6], [2_000_000_000, 7, -2_000_000_000]], dtype="<i4")


def las_1_0(path: Path, minor: int) -> Path:
    """A header of 227 bytes and three points of format 0, by hand."""
    xyz = RAW * 0.001 + [512000.0, 4123000.0, 900.0]
    box = [v for axis in range(3) for v in (xyz[:, axis].max(), xyz[:, axis].min())]
    head = b"LASF" + struct.pack("<HHIHH8sBB", 0, 0, 0, 0, 0, b"\0" * 8, 1, minor) + b"hand".ljust(32, b"\0") * 2
    head += struct.pack("<HHHIIBHI5I", 74, 2026, 227, 227, 0, 0, 20, 3, 3, 0, 0, 0, 0)
    head += struct.pack("<12d", 0.001, 0.001, 0.001, 512000.0, 4123000.0, 900.0, *box)
    assert len(head) == 227
    rows = b"".join(
        row.tobytes() + struct.pack("<HBBbBH", 100 + i, 0b00001001, 2, 0, 0, 7) for i, row in enumerate(RAW)
    )
    path.write_bytes(head + rows)
    return path


@pytest.mark.parametrize("minor", [0, 1, 2])
def test_old_las_by_hand(tmp_path: Path, minor: int) -> None:
    path = las_1_0(tmp_path / "a.las", minor)
    scan = read_scan(path)
    assert np.array_equal(scan.xyz, RAW * 0.001 + [512000.0, 4123000.0, 900.0])
    assert scan.attributes["intensity"].tolist() == [100, 101, 102]
    assert scan.attributes["classification"].tolist() == [2, 2, 2]
    info = scan_info(path)
    assert info.format == f"LAS 1.{minor}, point format 0"
    assert info.created == "2026-03-15"
    assert (info.scale, info.n_points) == ((0.001, 0.001, 0.001), 3)


@pytest.mark.parametrize("version", ["1.2", "1.3", "1.4"])
@pytest.mark.parametrize("compressed", [False, True])
def test_versions_and_attributes_that_were_asked_for(tmp_path: Path, version: str, compressed: bool) -> None:
    header = laspy.LasHeader(version=version, point_format=7 if version == "1.4" else 3)
    header.scales = [0.001] * 3
    record = laspy.LasData(header)
    xyz = np.round(RNG.uniform(0, 100, (2000, 3)), 3)
    record.x, record.y, record.z = xyz.T
    record.intensity, record.red = np.arange(2000), np.arange(2000)[::-1]
    record.classification = np.arange(2000) % 20
    record.add_extra_dim(laspy.ExtraBytesParams("distance_m", "f8"))
    record.distance_m = np.linspace(-1, 1, 2000)
    path = tmp_path / f"a.{'laz' if compressed else 'las'}"
    record.write(str(path), do_compress=compressed)
    scan = read_scan(path)
    few = scan.read(attributes=("red", "distance_m"))
    assert few.attribute_names == ("red", "distance_m")
    assert np.abs(few.xyz - xyz).max() < 1e-9
    assert np.array_equal(few.attributes["red"], np.arange(2000)[::-1])
    assert np.array_equal(few.attributes["distance_m"], np.linspace(-1, 1, 2000))
    assert np.array_equal(scan.read(attributes=("classification",)).attributes["classification"], np.arange(2000) % 20)
    with pytest.raises(ParameterError, match="there is no attribute 'depth'; expected some of intensity"):
        scan.read(attributes=("depth",))
    assert scan_info(path).extra_dimensions == ("distance_m",)


def test_what_we_write_comes_back(tmp_path: Path) -> None:
    scan = Scan(
        np.round(RNG.uniform(0, 50, (500, 3)), 3) + np.array([512000, 4123000, 900]),
        crs="EPSG:4547+5737",
        epoch="2026-03-15T10:00:00+08:00",
        stations=[[512000.5, 4123000.25, 902.0]],
        range_sigma_m=0.005,
        registration_sigma_m=0.002,
    )
    back = read_scan(write_scan(scan, tmp_path / "a.laz"))
    assert (back.epoch, back.range_sigma_m, back.registration_sigma_m) == (scan.epoch, 0.005, 0.002)
    assert back.stations is not None
    assert back.stations.tolist() == [[512000.5, 4123000.25, 902.0]]
    assert back.quantum is not None
    assert back.quantum.scale == (0.001, 0.001, 0.001)
    assert np.abs(back.xyz - scan.xyz).max() < 1e-6
    ply = read_scan(write_scan(scan, tmp_path / "a.ply"))
    assert ply.crs.to_epsg() == 4547
    assert ply.vertical_crs.to_epsg() == 5737
    assert ply.epoch == scan.epoch
    assert np.array_equal(ply.stations, scan.stations)


def test_an_e57_of_ours_comes_back_whole(tmp_path: Path) -> None:
    scan = Scan(
        RNG.uniform(0, 50, (400, 3)) + np.array([512000, 4123000, 900]),
        crs="EPSG:4547+5737",
        stations=[[512000.0, 4123000, 902], [512050.0, 4123000, 903]],
        attributes={
            "station_index": np.repeat([0, 1], 200),
            "intensity": np.arange(400, dtype="u2"),
            "classification": np.arange(400, dtype="u2").astype("u1"),
            "distance_m": RNG.normal(size=400),
        },
    )
    path = write_scan(scan, tmp_path / "a.e57")
    back = read_scan(path)
    assert np.abs(back.xyz - scan.xyz).max() < 1e-8
    assert np.array_equal(back.stations, scan.stations)
    for name, values in scan.attributes.items():
        assert np.array_equal(back.attributes[name], values), name
    assert back.crs.to_epsg() == 4547
    assert scan_info(path).attributes["distance_m"] == "float64"
    assert back.attributes["classification"].dtype == np.uint8


def test_reading_a_box_is_the_same_from_file_and_memory(tmp_path: Path) -> None:
    xyz = np.round(RNG.uniform(0, 10, (3000, 3)), 2)
    path = write_scan(
        Scan(xyz, attributes={"intensity": np.arange(3000, dtype="u2")}), tmp_path / "a.laz", resolution_m=0.01
    )
    memory = read_scan(path)
    assert len(memory.xyz) == 3000
    for _ in range(20):
        low = np.round(RNG.uniform(-1, 10, 3), 2)
        high = low + np.round(RNG.uniform(0, 6, 3), 2)
        box = (*low, *high) if RNG.random() < 0.5 else (*low[:2], *high[:2])
        from_file, from_memory = read_scan(path).read(box), memory.read(box)
        assert np.array_equal(from_file.xyz, from_memory.xyz)
        assert np.array_equal(from_file.attributes["intensity"], from_memory.attributes["intensity"])
    tile = next(iter(memory.tiles(halo_m=5, align_m=3.0)))
    assert tile.core == (0.0, 0.0, 12.0, 12.0)
    assert tile.in_core().all()
    halves = [memory.read((0, 0, x, 20)).n_points + memory.read((x, 0, 20, 20)).n_points for x in (xyz[5, 0], 4.0)]
    assert halves == [3000, 3000]  # boxes side by side share no point


def test_bounds_of_a_header_that_lies_give_way_to_the_points(tmp_path: Path) -> None:
    path = write_scan(Scan(RNG.uniform(0, 10, (100, 3))), tmp_path / "a.las")
    data = bytearray(path.read_bytes())
    struct.pack_into("<d", data, 179, 5000.0)
    path.write_bytes(data)
    scan = read_scan(path)
    assert scan.bounds().xmax == 5000
    assert scan.xyz[:, 0].max() == scan.bounds().xmax < 10


@pytest.fixture
def copc(shared_data: Path) -> Path:
    return shared_data / "clouds" / "pdal" / "lone-star.copc.laz"


@pytest.mark.filterwarnings("ignore::sxrisk.errors.UnverifiedInputWarning")
@pytest.mark.parametrize(
    "box", [(515370, 4918345, 515375, 4918350), (515370, 4918345, 2325, 515390, 4918380, 2326), (0, 0, 1e12, 1e12)]
)
def test_copc_box_is_the_file_filtered(copc: Path, box: tuple[float, ...]) -> None:
    with laspy.open(copc) as reader:
        whole = reader.read().xyz
    half = len(box) // 2
    low, high = np.array(box[:half]), np.array(box[half:])
    inside = ((whole[:, :half] >= low) & (whole[:, :half] <= high)).all(axis=1)
    scan = read_scan(copc, bounds=box)
    assert np.array_equal(scan.xyz, whole[inside])  # in the order of the file
    half_open = ((whole[:, :half] >= low) & (whole[:, :half] < high)).all(axis=1)
    assert np.array_equal(read_scan(copc).read(box, attributes=()).xyz, whole[half_open])


@pytest.mark.filterwarnings("ignore::sxrisk.errors.UnverifiedInputWarning")
def test_copc_levels(copc: Path) -> None:
    info = scan_info(copc)
    assert info.copc_levels == {0: 58_393, 1: 105_600, 2: 354_869}
    assert sum(info.copc_levels.values()) == info.n_points
    spacing = laspy.CopcReader.open(str(copc)).copc_info.spacing
    coarse = read_scan(copc, resolution_m=spacing)
    assert coarse.n_points == len(coarse.xyz) == 58_393
    finer = read_scan(copc, resolution_m=spacing / 2)
    assert finer.n_points == 58_393 + 105_600
    with laspy.CopcReader.open(str(copc)) as peer:
        assert np.array_equal(
            np.sort(coarse.xyz, axis=0), np.sort(np.column_stack([(p := peer.query(level=0)).x, p.y, p.z]), axis=0)
        )
    with pytest.raises(ParameterError, match="a resolution of 0"):
        read_scan(copc, resolution_m=0)


def test_levels_of_what_has_none(tmp_path: Path) -> None:
    path = las_1_0(tmp_path / "a.las", 2)
    with pytest.raises(ParameterError, match=r"the file has no levels of detail; expected a COPC file.*thin"):
        read_scan(path, resolution_m=0.5)


@pytest.mark.filterwarnings("ignore::sxrisk.errors.UnverifiedInputWarning")
def test_copc_whose_hierarchy_leads_nowhere(copc: Path, tmp_path: Path) -> None:
    data = bytearray(copc.read_bytes())
    root = struct.unpack_from("<Q", data, 429 + 40)[0]
    struct.pack_into("<iqii", data, root + 8, 0, root, 32, -1)  # a page that names itself
    path = tmp_path / "a.copc.laz"
    path.write_bytes(data)
    with pytest.raises(FileFormatError, match="the COPC file is damaged"):
        read_scan(path)


def test_real_units_and_systems(shared_data: Path) -> None:
    clouds = shared_data / "clouds"
    feet = scan_info(clouds / "pdal/4_6_crop.las")
    assert feet.units == ("US survey foot", "US survey foot")
    assert scan_info(clouds / "coromandel_nz/points.laz").vertical_crs == "EPSG:7839 NZVD2016 height"
    autzen = scan_info(clouds / "pdal/autzen_trim.las")
    assert autzen.units == ("foot", "foot")
    assert any("heights without a stated system count as the same" in notice for notice in autzen.notices)
    # Two ways to read the same file, laspy's own and ours.
    for name in (
        "pdal/sample_c.las",
        "pdal/warsaw_small.las",
        "pdal/las_with_several_extra_byte_bloc.laz",
        "vapc/small_mask.laz",
    ):
        record = laspy.read(clouds / name)
        scan = read_scan(clouds / name)
        assert np.array_equal(scan.xyz, record.xyz)
        for attribute in scan.attribute_names:
            assert np.array_equal(scan.attributes[attribute], np.asarray(record[attribute])), attribute


def test_other_real_files(shared_data: Path) -> None:
    clouds = shared_data / "clouds"
    pump = read_scan(clouds / "e57/pumpAVisualReferenceImage.e57")
    assert pump.n_points == len(pump.xyz) == 155_201
    b = scan_info(clouds / "e57/pumpAVisualReferenceImage.e57").bounds
    assert b is not None
    assert np.abs(np.array(b) - np.array(pump.bounds())).max() < 2e-6  # its writer gives them a micrometre of slack
    assert read_scan(clouds / "libpointmatcher/car_cloud400.csv").attribute_names == ("nx", "ny", "nz")
    with pytest.warns(UnverifiedInputWarning, match="no header"):
        assert read_scan(clouds / "libpointmatcher/car_cloud401.csv").n_points == 25_193
    rows = np.loadtxt((clouds / "libpointmatcher/cloud_0.vtk").read_text().splitlines()[5 : 5 + 36_674])
    assert np.array_equal(read_scan(clouds / "libpointmatcher/cloud_0.vtk").xyz, rows)
