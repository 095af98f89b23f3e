"""Geodesic distances between any geometries, against brute force on the ellipsoid."""

from itertools import pairwise

import geopandas as gpd
import numpy as np
import pyproj
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize_scalar

from sxrisk.rules import check_distances
from sxrisk.rules._pairs import Pieces, pairs_within

GEOD = pyproj.Geod(ellps="GRS80")
LON = st.floats(110.3, 114.5)
LAT = st.floats(34.6, 40.7)


def brute_force(point: np.ndarray, line: np.ndarray) -> float:
    """Least geodesic distance from a point to a polyline that is straight in longitude and latitude."""

    def gap(t: float, a: np.ndarray, b: np.ndarray) -> float:
        return GEOD.inv(*point, *(a + t * (b - a)))[2]

    best = np.inf
    for a, b in pairwise(line):
        along = np.linspace(0.0, 1.0, 33)
        gaps = [gap(t, a, b) for t in along]
        k = int(np.argmin(gaps))
        low, high = along[max(k - 1, 0)], along[min(k + 1, 32)]
        fit = minimize_scalar(gap, bounds=(low, high), args=(a, b), method="bounded", options={"xatol": 1e-12})
        best = min(best, fit.fun, *gaps)
    return best


def one(left, right, limit: float = 1e6) -> float:
    pairs = pairs_within(
        Pieces(np.array([left], dtype=object)), Pieces(np.array([right], dtype=object)), np.array([limit])
    )
    return float(pairs.distance_m[0])


@settings(max_examples=40, deadline=None)
@given(LON, LAT, st.floats(1.0, 4.3), st.integers(0, 2**32 - 1))
def test_point_to_line_is_the_least_geodesic(lon, lat, magnitude, seed):
    rng = np.random.default_rng(seed)
    size = 10.0**magnitude / 1e5
    line = np.array([lon, lat]) + rng.normal(size=(4, 2)) * size * 3
    point = np.array([lon, lat]) + rng.normal(size=2) * size
    expected = brute_force(point, line)
    assert one(shapely.Point(point), shapely.LineString(line)) == pytest.approx(expected, abs=1e-3 + 1e-6 * expected)


@settings(max_examples=100, deadline=None)
@given(LON, LAT, st.floats(0.0, 360.0), st.sampled_from([5.0, 50.0, 100.0, 200.0, 1000.0]), st.booleans())
def test_one_centimetre_inside_or_outside_is_never_misjudged(lon, lat, azimuth, limit, inside):
    off = limit - 0.01 if inside else limit + 0.01
    lon2, lat2, _ = GEOD.fwd(lon, lat, azimuth, off)
    found = check_distances(
        gpd.GeoDataFrame(geometry=[shapely.Point(lon, lat)], crs=4490),
        gpd.GeoDataFrame(geometry=[shapely.Point(lon2, lat2)], crs=4490),
        limit,
    )
    assert len(found) == inside


@settings(max_examples=40, deadline=None)
@given(LON, LAT, st.floats(0.0, 180.0), st.sampled_from([5.0, 200.0, 1000.0]), st.booleans())
def test_one_centimetre_beside_a_long_line_is_never_misjudged(lon, lat, bearing, limit, inside):
    # The line is straight in longitude and latitude; its nearest point is the foot of the perpendicular.
    step = np.array([np.sin(np.radians(bearing)) / np.cos(np.radians(lat)), np.cos(np.radians(bearing))])
    line = np.array([lon, lat]) + np.outer(np.linspace(-0.05, 0.05, 5), step)
    azimuth = GEOD.inv(lon, lat, *(np.array([lon, lat]) + 1e-5 * step))[0] + 90.0
    place = np.array(GEOD.fwd(lon, lat, azimuth, limit - 0.01 if inside else limit + 0.01)[:2])
    assert (brute_force(place, line) < limit) == inside
    found = pairs_within(
        Pieces(np.array([shapely.LineString(line)], dtype=object)),
        Pieces(np.array([shapely.Point(place)], dtype=object)),
        np.array([limit]),
    )
    assert len(found.left) == inside


def test_edges_straight_in_a_zone_are_measured_there():
    # 20 km straight in the zone and 3 m off it: in longitude and latitude the chord would bulge by metres.
    pipe = gpd.GeoDataFrame(geometry=[shapely.LineString([(430000, 4150000), (450000, 4150000)])], crs=4547)
    house = gpd.GeoDataFrame(geometry=[shapely.Point(440000, 4150003)], crs=4547)
    found = check_distances(pipe, house, 5.0)
    scale = pyproj.Proj(4547).get_factors(
        *pyproj.Transformer.from_crs(4547, 4490, always_xy=True).transform(440000, 4150000)
    )
    assert found["measured"][0] == pytest.approx(3.0 / scale.meridional_scale, abs=1e-3)


def test_inside_and_crossing_and_holes():
    ring = shapely.box(112.0, 37.0, 112.1, 37.1)
    donut = shapely.Polygon(ring.exterior.coords, [shapely.box(112.04, 37.04, 112.06, 37.06).exterior.coords])
    inside_hole = shapely.Point(112.05, 37.0401)
    assert one(ring, shapely.Point(112.05, 37.05)) == 0
    assert one(shapely.LineString([(111.9, 37.05), (112.2, 37.05)]), ring) == 0
    assert one(donut, inside_hole) == pytest.approx(GEOD.inv(112.05, 37.0401, 112.05, 37.04)[2], abs=1e-3)
    many = shapely.MultiPoint([(112.3, 37.0), (112.1003, 37.05)])
    assert one(shapely.GeometryCollection([ring, shapely.Point(0, 0)]), many) == pytest.approx(
        GEOD.inv(112.1003, 37.05, 112.1, 37.05)[2], abs=1e-3
    )


def test_parts_north_and_south_are_ranked_on_the_ellipsoid():
    # A conformal plane stretches the northern gap by 0.02 %: it would choose the southern part, which is farther.
    south = GEOD.fwd(112.0, 38.0, 180.0, 1000.10)[:2]
    north = GEOD.fwd(112.0, 38.0, 0.0, 1000.0)[:2]
    assert one(shapely.Point(112.0, 38.0), shapely.MultiPoint([south, north])) == pytest.approx(1000.0, abs=1e-3)


def test_empty_and_missing_geometries_take_no_part():
    left = Pieces(np.array([None, shapely.Point(), shapely.Point(112, 37)], dtype=object))
    right = Pieces(np.array([shapely.Point(112, 37), None], dtype=object))
    pairs = pairs_within(left, right, np.array([10.0, 10.0, 10.0]))
    assert pairs.left.tolist() == [2]
    assert pairs.right.tolist() == [0]


def test_pair_sets_equal_exhaustive_search():
    rng = np.random.default_rng(7)
    a, b = rng.uniform([112, 37], [112.05, 37.05], (60, 2)), rng.uniform([112, 37], [112.05, 37.05], (300, 2))
    limit = rng.uniform(0, 900, 60)
    limit[5] = np.nan
    pairs = pairs_within(Pieces(shapely.points(a)), Pieces(shapely.points(b)), limit)
    every = GEOD.inv(*(v.ravel() for v in np.broadcast_arrays(a[:, :1], a[:, 1:], b[:, 0], b[:, 1])))[2].reshape(
        60, 300
    )
    expected = np.argwhere(every <= limit[:, None])
    assert np.column_stack([pairs.left, pairs.right]).tolist() == expected.tolist()
    np.testing.assert_allclose(pairs.distance_m, every[tuple(expected.T)], atol=1e-6)
