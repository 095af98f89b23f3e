"""Point files in and out, and files that are broken."""

import struct
from pathlib import Path

import numpy as np
import pytest

from sxrisk.errors import (
    CRSError,
    FileFormatError,
    InputError,
    OutputError,
    ParameterError,
    SxriskWarning,
    UnverifiedInputWarning,
)
from sxrisk.scans import Scan, read_scan, write_scan

RNG = np.random.default_rng(5)
XYZ = np.round(RNG.uniform(0, 50, (60_000, 3)) + np.array([512000, 4123000, 1200]), 3)


@pytest.fixture
def laz(tmp_path: Path) -> Path:
    scan = Scan(
        XYZ,
        crs="EPSG:4547",
        vertical_crs="EPSG:5737",
        epoch="2026-03-15T10:00:00+08:00",
        attributes={"intensity": np.arange(len(XYZ), dtype="u2")},
    )
    return write_scan(scan, tmp_path / "a.laz", extra={"distance_m": np.linspace(-1, np.nan, len(XYZ))})


def test_laz_round_trip(laz: Path) -> None:
    scan = read_scan(laz, crs=4547, vertical_crs=5737)
    assert scan.n_points == len(XYZ)
    assert scan.crs.to_epsg() == 4547
    assert scan.vertical_crs.to_epsg() == 5737
    assert np.abs(scan.xyz - XYZ).max() < 1e-6
    assert np.array_equal(scan.attributes["intensity"], np.arange(len(XYZ)) % 65536)
    assert np.isnan(scan.attributes["distance_m"]).all() or scan.attributes["distance_m"][0] == -1


def test_laz_is_lazy(laz: Path) -> None:
    scan = read_scan(laz)
    laz.unlink()
    assert scan.n_points == len(XYZ)
    assert scan.bounds().xmax == pytest.approx(XYZ[:, 0].max())
    assert "intensity" in scan.attribute_names


def test_same_scan_same_bytes(tmp_path: Path) -> None:
    scan = Scan(XYZ[:1000], crs=4547)
    assert write_scan(scan, tmp_path / "a.laz").read_bytes() == write_scan(scan, tmp_path / "b.laz").read_bytes()


def test_written_crs_is_the_wkt_that_las_asks_for(laz: Path) -> None:
    assert b"COMPD_CS" in laz.read_bytes()[:4000]


@pytest.mark.parametrize("share", [0.001, 0.3, 0.999])
def test_truncated_laz(laz: Path, tmp_path: Path, share: float) -> None:
    whole = laz.read_bytes()
    part = tmp_path / "part.laz"
    part.write_bytes(whole[: int(len(whole) * share)])
    with pytest.raises(
        FileFormatError, match=r"part\.laz.*(header counts 60000 points|LAS header cannot be read).*again"
    ):
        _ = read_scan(part).xyz


def test_truncated_las(tmp_path: Path) -> None:
    path = write_scan(Scan(XYZ), tmp_path / "a.las")
    path.write_bytes(path.read_bytes()[:-30_000])
    with pytest.raises(FileFormatError, match=r"header counts 60000 points, but 59000 fit into its bytes"):
        read_scan(path)


def test_damaged_laz(laz: Path) -> None:
    data = bytearray(laz.read_bytes())
    middle = len(data) // 2
    data[middle : middle + 20_000] = b"\xaa" * 20_000
    laz.write_bytes(data)
    try:
        scan = read_scan(laz)
        assert len(scan.xyz) == len(XYZ)  # the arithmetic decoder may not notice; then the count still holds
    except FileFormatError as error:
        assert "breaks off" in str(error)


def test_header_that_claims_too_much(laz: Path) -> None:
    data = bytearray(laz.read_bytes())
    struct.pack_into("<Q", data, 247, 2**60)
    laz.write_bytes(data)
    with pytest.raises(FileFormatError, match=r"hold at most"):
        read_scan(laz)


def test_crs_of_the_file_may_not_be_contradicted(laz: Path) -> None:
    with pytest.raises(CRSError, match=r"the file says .* expected one coordinate system\. Leave crs out"):
        read_scan(laz, crs="EPSG:4546")


def test_missing_empty_unknown(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no such file"):
        read_scan(tmp_path / "none.laz")
    empty = tmp_path / "empty.laz"
    empty.touch()
    with pytest.raises(FileFormatError, match=r"the file is empty \(0 bytes\)"):
        read_scan(empty)
    other = tmp_path / "a.rcp"
    other.write_bytes(b"anything")
    with pytest.raises(
        FileFormatError, match=r"\.rcp cannot be read as a scan; expected LAS, LAZ, E57.*Export it as LAZ"
    ):
        read_scan(other)


def test_bounds(laz: Path) -> None:
    part = read_scan(laz, bounds=(512010, 4123010, 512020, 4123020))
    inside = ((XYZ[:, :2] >= [512010, 4123010]) & (XYZ[:, :2] <= [512020, 4123020])).all(axis=1)
    assert part.n_points == inside.sum()


@pytest.mark.parametrize("encoding", ["ascii", "binary_little_endian", "binary_big_endian"])
def test_ply(tmp_path: Path, encoding: str) -> None:
    header = f"ply\nformat {encoding} 1.0\nelement vertex 3\nproperty float x\nproperty float y\nproperty float z\n"
    header += "property uchar red\nend_header\n"
    rows = [(0.0, 1.0, 2.0, 7), (3.0, 4.0, 5.0, 8), (6.0, 7.0, 8.0, 9)]
    if encoding == "ascii":
        body = "".join(f"{x} {y} {z} {r}\n" for x, y, z, r in rows).encode()
    else:
        body = b"".join(struct.pack("<fffB" if "little" in encoding else ">fffB", *row) for row in rows)
    path = tmp_path / "a.ply"
    path.write_bytes(header.encode() + body)
    scan = read_scan(path)
    assert scan.xyz.tolist() == [[0, 1, 2], [3, 4, 5], [6, 7, 8]]
    assert scan.attributes["red"].tolist() == [7, 8, 9]
    path.write_bytes((header.encode() + body)[:-8])
    with pytest.raises(FileFormatError, match=r"(counts 3 points|is no number)|breaks off"):
        _ = read_scan(path).xyz


def test_pcd_binary_with_non_returns(tmp_path: Path) -> None:
    header = "VERSION .7\nFIELDS x y z\nSIZE 4 4 4\nTYPE F F F\nCOUNT 1 1 1\nWIDTH 2\nHEIGHT 1\nPOINTS 2\nDATA binary\n"
    path = tmp_path / "a.pcd"
    path.write_bytes(header.encode() + struct.pack("<6f", 1, 2, 3, np.nan, np.nan, np.nan))
    scan = read_scan(path)
    with pytest.warns(SxriskWarning, match=r"1 of 2 points have coordinates that are not finite and are left out"):
        assert scan.xyz.tolist() == [[1, 2, 3]]
    assert scan.n_rejected == 1
    path.write_bytes(header.replace("binary", "binary_compressed").encode())
    with pytest.raises(FileFormatError, match="0 of 0 compressed bytes are there"):
        _ = read_scan(path).xyz


@pytest.mark.parametrize(
    "text",
    [
        "X,Y,Z,I\n1,2,3,9\n4,5,6,8\n",
        "//X Y Z I\n1 2 3 9\n4 5 6 8\n",
        "2\n1\t2\t3\t9\n4\t5\t6\t8\n",
        "1;2;3;9\n4;5;6;8\n",
    ],
)
@pytest.mark.filterwarnings("ignore::sxrisk.errors.UnverifiedInputWarning")
def test_text_tables(tmp_path: Path, text: str) -> None:
    path = tmp_path / "a.xyz"
    path.write_text(text, encoding="utf-8")
    scan = read_scan(path)
    assert scan.xyz.tolist() == [[1, 2, 3], [4, 5, 6]]
    assert len(scan.attribute_names) == 1


def test_chinese_header_in_any_order(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("点号,北坐标,东坐标,高程\n1,20,10,30\n", encoding="utf-8")
    assert read_scan(path).xyz.tolist() == [[10, 20, 30]]


def test_text_without_header_is_reported_and_rubbish_located(tmp_path: Path) -> None:
    path = tmp_path / "a.xyz"
    path.write_text("1 2 3\n4 5 6\n", encoding="utf-8")
    with pytest.warns(UnverifiedInputWarning, match="no header"):
        _ = read_scan(path).xyz
    path.write_text("x y z\n1 2 3\n4 five 6\n", encoding="utf-8")
    with pytest.raises(FileFormatError, match=r"row 3: 'five' in column y is no number"):
        _ = read_scan(path).xyz


def test_write_refuses(tmp_path: Path) -> None:
    scan = Scan(XYZ[:10])
    with pytest.raises(ParameterError, match=r"extra 'd'.*expected shape \(10,\)"):
        write_scan(scan, tmp_path / "a.laz", extra={"d": [1.0]})
    with pytest.raises(OutputError, match="there is no such folder to write to"):
        write_scan(scan, tmp_path / "no" / "folder" / "a.laz")
    assert not list(tmp_path.rglob("*.laz"))


def test_real_clouds(shared_data: Path) -> None:
    clouds = shared_data / "clouds"
    counts = {
        "coromandel_nz/points.laz": 584_348,
        "pdal/autzen_trim.las": 110_000,
        "pdal/4_6_crop.las": 23_875,
        "pdal/mvk-thin.las": 6_280,
        "vapc/vapc_in.laz": 547_662,
    }
    for name, count in counts.items():
        scan = read_scan(clouds / name)
        assert scan.n_points == count == len(scan.xyz)
    assert read_scan(clouds / "pdal/4_6_crop.las").units_m == pytest.approx((0.30480061, 0.30480061))
    # Keys that name a system in metres and beside it a unit in feet: the coordinates are feet.
    assert read_scan(clouds / "pdal/mvk-thin.las").units_m[0] == pytest.approx(0.30480061)
    with pytest.warns(UnverifiedInputWarning, match="geocentric"):
        copc = read_scan(clouds / "pdal/lone-star.copc.laz", bounds=(515370, 4918345, 515375, 4918350))
    assert copc.n_points == 3203
    pcd = next((clouds / "subt_urban").glob("*.pcd"))
    assert read_scan(pcd).n_points == 259_086


def test_a_box_of_a_text_file_is_read_when_asked_for(tmp_path: Path) -> None:
    path = tmp_path / "points.csv"
    path.write_text("x,y,z\n1,2,3\n4,5,6\n", encoding="utf-8")
    scan = read_scan(path, bounds=(0, 0, 2, 3))
    path.write_text("x,y,z\n1,2,4\n4,5,6\n", encoding="utf-8")
    assert scan.xyz.tolist() == [[1.0, 2.0, 4.0]]
    assert scan.n_points == 1
    with pytest.raises(ParameterError, match="minimum before maximum"):
        read_scan(path, bounds=(2, 0, 0, 3))
