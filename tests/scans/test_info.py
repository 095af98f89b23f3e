"""What a file says about itself, without its points being read."""

import json
import struct
import time
from pathlib import Path

import laspy
import numpy as np
import pye57
import pytest

from sxrisk.errors import FileFormatError
from sxrisk.scans import Scan, scan_info, write_scan
from sxrisk.scans._suspicions import suspicions

RNG = np.random.default_rng(2)


def told(info: object, words: str) -> bool:
    return any(words in notice for notice in info.notices)  # type: ignore[attr-defined]


def test_a_laz_says_it_all(tmp_path: Path) -> None:
    xyz = np.round(RNG.uniform(0, 100, (4000, 3)), 3) + np.array([512000, 4123000, 900])
    xyz[:2] = [[512000, 4123000, 900], [512100, 4123100, 1000]]
    path = write_scan(Scan(xyz, crs="EPSG:4547+5737", epoch="2026-03-15T10:00:00+08:00"), tmp_path / "a.laz")
    info = scan_info(path)
    assert info.format.startswith("LAZ 1.4, point format 6")
    assert info.crs == "EPSG:4547 CGCS2000 / 3-degree Gauss-Kruger CM 114E"
    assert str(info.vertical_crs).startswith("EPSG:5737")
    assert info.units == ("metre", "metre")
    assert info.density_per_m2 == pytest.approx(0.4)
    assert info.notices == ()
    assert json.loads(json.dumps(info.to_dict()))["bounds"]["xmax"] == pytest.approx(512100)
    assert "points       4,000, at least 0.4 per m2" in repr(info)


def test_headers_that_lie(tmp_path: Path) -> None:
    path = write_scan(Scan(RNG.uniform(0, 100, (4000, 3)) + np.array([512000, 4123000, 900])), tmp_path / "a.las")
    data = bytearray(path.read_bytes())
    struct.pack_into("<2d", data, 179, 9e9, 8e9)
    path.write_bytes(data)
    info = scan_info(path)
    assert told(info, "farther away than its coordinates can reach")
    assert told(info, "do not hold the points: one of the first is at 5120")
    struct.pack_into("<2d", data, 179, np.nan, np.nan)
    path.write_bytes(data)
    assert told(scan_info(path), "the bounds in the header are no box")
    struct.pack_into("<Q", data, 247, 100)
    path.write_bytes(data)
    assert told(scan_info(path), "the header counts 100 points, but the bytes hold 4000")
    path.write_bytes(data[:100])
    with pytest.raises(FileFormatError, match="LAS header cannot be read"):
        scan_info(path)


def test_mixed_units_of_a_real_header(tmp_path: Path) -> None:
    header = laspy.LasHeader(version="1.4", point_format=6)
    wkt = 'COMPD_CS["a",{},VERT_CS["NAVD88 height (ftUS)",VERT_DATUM["North American Vertical Datum 1988",2005],'
    wkt += 'UNIT["US survey foot",0.304800609601219],AXIS["Up",UP]]]'
    import pyproj

    plan = pyproj.CRS.from_epsg(26913).to_wkt("WKT1_GDAL")
    header.vlrs.append(laspy.vlrs.known.WktCoordinateSystemVlr(wkt.format(plan)))
    header.global_encoding.wkt = True
    record = laspy.LasData(header)
    record.x, record.y, record.z = [500000.0], [4000000.0], [3000.0]
    record.write(str(tmp_path / "a.las"))
    info = scan_info(tmp_path / "a.las")
    assert info.units == ("metre", "US survey foot")
    assert told(info, "mixed units: plan in metre (1 m), heights in US survey foot (0.304800")


def test_text_by_its_ends(tmp_path: Path) -> None:
    xyz = np.column_stack([np.arange(60_000) * 0.01, RNG.uniform(0, 10, 60_000), RNG.uniform(0, 10, 60_000)])
    path = tmp_path / "a.xyz"
    np.savetxt(path, xyz, fmt="%9.4f", header="x y z", comments="")
    info = scan_info(path)
    assert info.n_points_is_estimate
    assert info.n_points == pytest.approx(60_000, rel=0.001)
    assert info.bounds is not None
    assert (info.bounds.xmin, info.bounds.xmax) == (0.0, 599.99)  # of both ends
    assert "about 60,0" in repr(info)
    assert "of a sample: they reach at least so far" in repr(info)
    path.write_text("x y z\n1 2 3\n", encoding="utf-8")
    assert (scan_info(path).n_points, scan_info(path).n_points_is_estimate) == (1, False)
    pts = tmp_path / "a.pts"
    pts.write_text("9\n1 2 3\n4 5 6\n", encoding="utf-8")
    assert told(scan_info(pts), "the first line counts 9 points, the size is that of about 2")


def test_stations_of_an_e57(tmp_path: Path) -> None:
    path = tmp_path / "a.e57"
    with pye57.E57(str(path), mode="w") as e57:
        for at in (0.0, 50.0):
            e57.write_scan_raw(
                {f"cartesian{axis}": RNG.uniform(-5, 5, 100) for axis in "XYZ"},
                name=f"S{at:.0f}",
                rotation=np.array([1.0, 0, 0, 0]),
                translation=np.array([512000.0 + at, 4123000, 900]),
            )
    info = scan_info(path)
    assert [s.name for s in info.stations] == ["S0", "S50"]
    assert info.stations[1].position == (512050.0, 4123000.0, 900.0)
    assert [s.n_points for s in info.stations] == [100, 100]
    assert info.bounds is not None
    assert 511995 <= info.bounds.xmin < 511996
    assert 512054 < info.bounds.xmax <= 512055
    assert "station 1    S50, at 512050.000 4123000.000 900.000, 100 points" in repr(info)


def test_a_long_ptx_is_told_by_its_beginning(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    station = (
        "100\n30\n5 6 7\n1 0 0\n0 1 0\n0 0 1\n1 0 0 0\n0 1 0 0\n0 0 1 0\n5 6 7 1\n" + "1.25 2.25 3.25 0.500\n" * 3000
    )
    path = tmp_path / "a.ptx"
    path.write_text(station * 2, encoding="ascii")
    whole = scan_info(path)
    assert (whole.n_points, len(whole.stations), whole.n_points_is_estimate) == (6000, 2, False)
    monkeypatch.setattr("sxrisk.scans.files.facts.WHOLE_BYTES", 1000)
    info = scan_info(path)
    assert info.n_points == pytest.approx(6000, rel=0.02)
    assert info.stations[0].position == (5.0, 6.0, 7.0)
    assert told(info, "more stations follow; where they stood is known when the file is read")


def test_systems_that_cannot_be_used_are_told(tmp_path: Path) -> None:
    path = write_scan(Scan(RNG.uniform(0, 10, (50, 3)), crs=4547), tmp_path / "a.las")
    data = path.read_bytes()
    path.write_bytes(data.replace(b"PROJCS[", b"PROJXX["))
    assert told(scan_info(path), "cannot be used; the coordinates count as local metres")
    cloud = write_scan(Scan(RNG.uniform(0, 10, (50, 3)), crs=4547), tmp_path / "a.ply")
    cloud.write_bytes(cloud.read_bytes().replace(b"EPSG:4547", b"EPSG:1234"))
    assert told(scan_info(cloud), "names a coordinate system that PROJ does not know: 'EPSG:1234'")


def test_32_bits_at_the_size_of_eastings(tmp_path: Path) -> None:
    head = "ply\nformat binary_little_endian 1.0\nelement vertex 2\n" + "".join(f"property float {a}\n" for a in "xyz")
    path = tmp_path / "a.ply"
    path.write_bytes((head + "end_header\n").encode() + np.array([[512000, 4123000, 900]] * 2, "<f4").tobytes())
    assert told(scan_info(path), "coordinates of 4123000 are kept in 32 bits, in steps of 0.25: precision is lost")


@pytest.mark.parametrize(
    ("middle", "crs", "words"),
    [
        ((37512000, 4123000), None, "begin with a zone number (37): CGCS2000 with zone numbers is EPSG:4525"),
        ((38400000, 4123000), 4547, "begin with a zone number (38): CGCS2000 with zone numbers is EPSG:4526"),
        ((19512000, 4123000), None, "begin with a zone number (19): CGCS2000 with zone numbers is EPSG:4497"),
        ((4123000, 37512000), None, "EPSG:4525, and northing seems to stand before easting"),
        ((4123000, 512000), 4547, "northing seems to stand before easting"),
        ((112.5, 37.9), 4547, "look like degrees, but CGCS2000 / 3-degree Gauss-Kruger CM 114E is in metre"),
        ((37.9, 112.5), 4490, "latitude seems to stand before longitude"),
        ((512000, 4123000), 4490, "is in degrees, but the numbers (512000, 4123000) look like metres"),
        ((5.0, 3.0), 32633, "look like local coordinates"),
        ((500000, 9000000), 4547, "far outside its area"),
    ],
)
def test_suspicions(middle: tuple[float, float], crs: int | None, words: str) -> None:
    import pyproj

    x, y = middle
    found = suspicions((x - 0.1, y - 0.1, 0, x + 0.1, y + 0.1, 9), None if crs is None else pyproj.CRS.from_epsg(crs))
    assert any(words in sentence for sentence in found), found


@pytest.mark.parametrize(("place", "crs"), [((512000, 4123000), 4547), ((37512000, 4123000), 4525), ((12, 30), None)])
def test_no_suspicion_where_all_is_well(place: tuple[float, float], crs: int | None) -> None:
    import pyproj

    x, y = place
    assert suspicions((x, y, 0, x + 50, y + 50, 9), None if crs is None else pyproj.CRS.from_epsg(crs)) == ()


@pytest.mark.filterwarnings("ignore::sxrisk.errors.UnverifiedInputWarning")
def test_every_real_file_within_a_second(shared_data: Path) -> None:
    files = [path for path in (shared_data / "clouds").rglob("*") if path.is_file()]
    assert len(files) >= 16
    scan_info(files[0])
    for path in files:
        start = time.process_time()
        info = scan_info(path)
        assert time.process_time() - start < 1.0, path.name
        assert info.n_points
        assert info.bounds is not None
        assert len(repr(info).splitlines()) > 6
