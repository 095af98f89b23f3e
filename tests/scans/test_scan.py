"""The scan itself: coordinates, epochs, stations, merging, laziness."""

from datetime import UTC, datetime

import numpy as np
import pytest

from sxrisk.errors import CRSError, GeometryError, ParameterError, UnverifiedInputWarning
from sxrisk.scans import Scan, read_scan, thin, thin_rows, write_scan

POINTS = np.array([[512000.0, 4123000.0, 1200.0], [512010.0, 4123020.0, 1230.0], [512004.0, 4123002.0, 1201.0]])


def test_naive_epoch_is_shanghai_and_reported() -> None:
    with pytest.warns(UnverifiedInputWarning, match="no time zone and is read as Asia/Shanghai"):
        scan = Scan(POINTS, epoch=datetime(2026, 3, 15, 10))
    assert scan.epoch is not None
    assert scan.epoch.astimezone(UTC) == datetime(2026, 3, 15, 2, tzinfo=UTC)


def test_not_finite_points_are_counted_and_refused() -> None:
    broken = POINTS.copy()
    broken[1, 2] = np.nan
    with pytest.raises(GeometryError, match=r"1 of 3 points have coordinates that are not finite, the first is row 1"):
        Scan(broken)


@pytest.mark.parametrize("shape", [(3, 2), (3,), (2, 3, 3)])
def test_wrong_shape(shape: tuple[int, ...]) -> None:
    with pytest.raises(GeometryError, match=r"expected shape \(n, 3\): easting, northing, height"):
        Scan(np.zeros(shape))


def test_attribute_of_wrong_length() -> None:
    with pytest.raises(ParameterError, match=r"attribute 'intensity': 2 values for 3 points"):
        Scan(POINTS, attributes={"intensity": [1, 2]})


def test_local_offsets_keep_the_digits() -> None:
    scan = Scan(POINTS)
    assert np.abs(scan.local() + scan.origin - POINTS).max() < 1e-9
    assert np.abs(scan.local()).max() < 20


def test_merge_keeps_who_saw_what() -> None:
    first = Scan(POINTS, stations=[[0, 0, 1]], crs=4547, range_sigma_m=0.005)
    second = Scan(POINTS[:2], stations=[[5, 5, 1]], crs=4547, range_sigma_m=0.008)
    blind = Scan(POINTS[:1], crs=4547)
    merged = Scan.merge([first, second, blind])
    assert merged.station_index.tolist() == [0, 0, 0, 1, 1, -1]
    assert merged.stations is not None
    assert merged.stations.shape == (2, 3)
    assert merged.range_sigma_m is None  # one part does not know it
    assert Scan.merge([first, second]).range_sigma_m == 0.008
    again = Scan.merge([merged, second])
    assert again.station_index[-1] == 2


def test_merge_refuses_mixed_coordinates() -> None:
    with pytest.raises(CRSError, match="expected scans in one coordinate and height system"):
        Scan.merge([Scan(POINTS, crs=4547), Scan(POINTS, crs=4546)])


def test_compound_crs_is_taken_apart_and_contradiction_refused() -> None:
    scan = Scan(POINTS, crs="EPSG:4547+5737")
    assert scan.crs.to_epsg() == 4547
    assert scan.vertical_crs.to_epsg() == 5737
    with pytest.raises(CRSError, match="expected one height system"):
        Scan(POINTS, crs="EPSG:4547+5737", vertical_crs="EPSG:5736")


def test_feet_and_degrees_are_refused_where_metres_are_needed() -> None:
    with pytest.raises(CRSError, match=r"expected metres in plan and height"):
        Scan(POINTS, crs="EPSG:2903").require_metres()
    with pytest.raises(CRSError, match=r"expected metres"):
        Scan([[112.0, 37.0, 900.0]], crs="EPSG:4490").require_metres()
    assert Scan(POINTS).require_metres().n_points == 3


def test_to_crs_from_feet() -> None:
    feet = Scan([[1639600.0, 1454500.0, 7077.92]], crs="EPSG:2903")
    metres = feet.to_crs("EPSG:26913")
    assert metres.units_m == (1.0, 1.0)
    assert metres.xyz[0, 2] == pytest.approx(7077.92 * 12 / 39.37, abs=1e-6)


def test_chunks_are_the_scan_in_order(tmp_path: object) -> None:
    rng = np.random.default_rng(1)
    scan = Scan(rng.uniform(0, 100, (2500, 3)), crs=4547, attributes={"intensity": np.arange(2500, dtype="u2")})
    path = write_scan(scan, f"{tmp_path}/a.laz")
    lazy = read_scan(path)
    pieces = list(lazy.chunks(700))
    assert [piece.n_points for piece in pieces] == [700, 700, 700, 400]
    assert np.array_equal(np.concatenate([piece.xyz for piece in pieces]), lazy.xyz)
    assert np.array_equal(np.concatenate([p.attributes["intensity"] for p in pieces]), np.arange(2500))


def test_select_and_crop() -> None:
    scan = Scan(POINTS, attributes={"intensity": [1, 2, 3]})
    assert scan.select([2, 0]).attributes["intensity"].tolist() == [3, 1]
    assert scan.crop((512000, 4123000, 512005, 4123005)).n_points == 2
    with pytest.raises(ParameterError, match="a mask of shape"):
        scan.select(np.ones(2, dtype=bool))
    with pytest.raises(ParameterError, match="minimum before maximum"):
        scan.crop((5, 0, 1, 1))


def test_thin_keeps_measured_points() -> None:
    rng = np.random.default_rng(2)
    scan = Scan(rng.uniform(0, 10, (5000, 3)))
    few = thin(scan, 1.0)
    cells = np.unique(np.floor(scan.xyz), axis=0)
    assert few.n_points == len(cells)
    assert set(map(tuple, few.xyz)) <= set(map(tuple, scan.xyz))


def test_legacy_and_geocentric_systems_are_refused() -> None:
    for code in ("EPSG:2414", "EPSG:4610", "EPSG:4610+5737"):
        with pytest.raises(CRSError, match="is a legacy datum"):
            Scan(POINTS, crs=code)
    with pytest.raises(CRSError, match="is geocentric"):
        Scan(POINTS, crs="EPSG:4479")


def test_to_crs_between_wgs84_and_cgcs2000() -> None:
    scan = Scan(
        [[500_000.0, 4_100_000.0, 900.0]], crs="EPSG:32649", vertical_crs="EPSG:5737", stations=[[5e5, 4.1e6, 9]]
    )
    there = scan.to_crs("EPSG:4546")
    back = there.to_crs("EPSG:32649")
    assert there.vertical_crs == scan.vertical_crs
    assert np.abs(back.xyz - scan.xyz).max() < 1e-6
    assert there.to_crs("EPSG:3857").crs.to_epsg() == 3857
    with pytest.raises(CRSError, match="only a ballpark transform"):
        Scan(POINTS, crs="+proj=utm +zone=49 +ellps=bessel").to_crs("EPSG:4546")


def test_the_height_datum_stays_when_feet_become_metres() -> None:
    feet = Scan([[1639600.0, 1454500.0, 7077.92]], crs="EPSG:2903", vertical_crs="EPSG:6360")
    heights = feet.to_crs("EPSG:26913").vertical_crs
    assert heights.name == "NAVD88 height"
    assert heights.datum == feet.vertical_crs.datum
    assert heights.axis_info[0].unit_name == "metre"


def test_thinning_does_not_depend_on_the_part_nor_overflow() -> None:
    xyz = np.random.default_rng(3).uniform(0, 10, (4000, 3)) + np.array([5e5, 4.1e6, 900.0])
    whole = thin(Scan(xyz), 1.0).xyz
    part = thin(Scan(xyz[xyz[:, 0] < 500_005]), 1.0).xyz
    assert np.array_equal(part, whole[whole[:, 0] < 500_005])
    assert np.array_equal(np.sort(thin_rows(xyz, 1.0)), np.flatnonzero((xyz[:, None] == whole).all(axis=2).any(axis=1)))
    stray = np.vstack([xyz, [1e12, -1e12, 1e12]])
    assert len(thin_rows(stray, 1e-3)) == len(stray)
    assert thin_rows(np.array([[0.25, 0.5, 0.5], [0.75, 0.5, 0.5]]), 1.0).tolist() == [0]
    with pytest.raises(ParameterError, match="double precision can count"):
        thin_rows(xyz, 1e-12)
