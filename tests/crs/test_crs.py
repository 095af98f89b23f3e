"""Where a coordinate really is: names, offsets, zones, distances, densified edges."""

import geopandas as gpd
import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from pyproj import CRS, Transformer

from sxrisk.crs import (
    GEOD,
    bd09_to_gcj02,
    bd09_to_wgs84,
    crs_source,
    gcj02_to_bd09,
    gcj02_to_wgs84,
    geodesic_distance_m,
    geographic_transform,
    local_metric,
    parse_crs,
    point_scale_factor,
    to_geographic,
    wgs84_to_bd09,
    wgs84_to_gcj02,
    zone_epsg,
)
from sxrisk.errors import CRSError, GeometryError, ParameterError

# City centres, and the shift at them as standards.md 8.2 lists it: metres and azimuth for GCJ-02, metres for BD-09. The
# table does not say which point of a city it means, and BD-09 ripples by metres every few kilometres.
SHIFTS = {
    "Taiyuan": (112.55, 37.87, 557, 84, 1350),
    "Datong": (113.30, 40.08, 613, 77, 1406),
    "Shuozhou": (112.43, 39.33, 605, 78, 1411),
    "Xinzhou": (112.73, 38.42, 577, 84, 1345),
    "Luliang": (111.13, 37.52, 570, 81, 1365),
    "Yangquan": (113.58, 37.86, 566, 84, 1335),
    "Changzhi": (113.12, 36.19, 599, 88, 1364),
    "Jincheng": (112.85, 35.49, 556, 95, 1291),
    "Linfen": (111.52, 36.09, 560, 91, 1309),
    "Yuncheng": (111.00, 35.02, 534, 99, 1270),
}
shanxi_lon = st.floats(109.5, 115.5)
shanxi_lat = st.floats(34.0, 41.0)


@pytest.mark.parametrize("city", SHIFTS)
def test_shift_of_web_maps_agrees_with_the_table(city: str) -> None:
    lon, lat, gcj_m, azimuth, bd_m = SHIFTS[city]
    shifted = wgs84_to_gcj02(lon, lat)
    forward, _, distance = GEOD.inv(lon, lat, float(shifted[0]), float(shifted[1]))
    assert distance == pytest.approx(gcj_m, abs=4)
    assert forward % 360 == pytest.approx(azimuth, abs=1.5)
    assert geodesic_distance_m(lon, lat, *wgs84_to_bd09(lon, lat)) == pytest.approx(bd_m, abs=10)


@given(shanxi_lon, shanxi_lat)
@settings(max_examples=200, deadline=None)
def test_offsets_return_to_where_they_came_from(lon: float, lat: float) -> None:
    assert geodesic_distance_m(lon, lat, *gcj02_to_wgs84(*wgs84_to_gcj02(lon, lat))) < 1e-6
    assert geodesic_distance_m(lon, lat, *bd09_to_gcj02(*gcj02_to_bd09(lon, lat))) < 1e-6
    assert geodesic_distance_m(lon, lat, *bd09_to_wgs84(*wgs84_to_bd09(lon, lat))) < 1e-6
    assert geodesic_distance_m(lon, lat, *wgs84_to_gcj02(*gcj02_to_wgs84(lon, lat))) < 1e-6


def test_offsets_keep_shape_and_leave_the_world_alone() -> None:
    lon, lat = wgs84_to_gcj02(np.full((2, 3), 10.0), 50.0)
    assert lon.shape == (2, 3)
    assert (lon == 10.0).all()
    assert (lat == 50.0).all()


def test_a_coordinate_that_is_not_finite_does_not_stop_the_others() -> None:
    lon, lat = gcj02_to_wgs84([np.nan, 112.5563], [37.0, 37.8705])
    assert np.isnan(lon[0])
    assert geodesic_distance_m(lon[1], lat[1], 112.55, 37.87) < 10


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("GCJ-02", "gcj02"),
        ("gcj02", "gcj02"),
        ("GCJ02", "gcj02"),
        ("火星坐标系", "gcj02"),
        ("BD-09", "bd09"),
        ("百度坐标", "bd09"),
    ],
)
def test_names_of_offset_systems(name: str, expected: str) -> None:
    assert parse_crs(name) == expected
    assert crs_source(parse_crs(name)) == expected


@pytest.mark.parametrize(
    ("name", "epsg", "source"),
    [
        ("CGCS2000", 4490, "cgcs2000"), ("国家2000坐标系", 4490, "cgcs2000"), ("WGS84", 4326, "wgs84"),
        ("WGS 84", 4326, "wgs84"), ("EPSG:4547", 4547, "cgcs2000"), (4546, 4546, "cgcs2000"),
        ("4526", 4526, "cgcs2000"),
        ("EPSG:32649", 32649, "wgs84"),
    ],
)  # fmt: skip
def test_names_of_known_systems(name: str | int, epsg: int, source: str) -> None:
    parsed = parse_crs(name)
    assert isinstance(parsed, CRS)
    assert parsed.to_epsg() == epsg
    assert crs_source(parsed) == source


@pytest.mark.parametrize(
    "name",
    [
        "EPSG:4214",
        "EPSG:4610",
        "EPSG:2361",
        "EPSG:2362",
        "EPSG:2383",
        "EPSG:4555",
        "EPSG:4284",
        "Beijing54",
        "Xian80",
        "西安80",
    ],
)
def test_legacy_datums_are_refused_and_say_why(name: str) -> None:
    with pytest.raises(CRSError, match=r"legacy datum.*needs local parameters"):
        parse_crs(name)


@pytest.mark.parametrize(
    "text", ["+proj=longlat +ellps=GRS80 +no_defs", "+proj=tmerc +lon_0=111 +x_0=500000 +ellps=IAU76"]
)
def test_a_ballpark_transform_is_refused(text: str) -> None:
    with pytest.raises(CRSError, match="only a ballpark transform"):
        parse_crs(text)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("EPSG:999999", "is no coordinate system"), ("nonsense", "is no coordinate system"),
        ("", "the coordinate system is ''"),
        ('LOCAL_CS["mine grid"]', "is a local grid"), ("EPSG:5737", "is a height system"),
    ],
)  # fmt: skip
def test_what_is_no_crs_is_refused(text: str, message: str) -> None:
    with pytest.raises(CRSError, match=message):
        parse_crs(text)


def test_the_users_own_datum_parameters_are_used() -> None:
    parsed = parse_crs("+proj=longlat +ellps=krass +towgs84=15.8,-154.4,-82.3")
    lon, lat = geographic_transform(parsed)(np.array([112.0]), np.array([37.0]))
    assert 20 < geodesic_distance_m(112.0, 37.0, lon[0], lat[0]) < 200


def test_esri_spelling_of_cgcs2000_is_known() -> None:
    wkt = CRS(4547).to_wkt("WKT1_ESRI")
    assert crs_source(parse_crs(wkt)) == "cgcs2000"


@pytest.mark.parametrize(
    ("lon", "epsg", "central"),
    [
        (109.5, 4546, 111),
        (112.4999, 4546, 111),
        (112.5, 4547, 114),
        (115.4, 4547, 114),
        (75.0, 4534, 75),
        (135.0, 4554, 135),
    ],
)
def test_zone_of_a_longitude(lon: float, epsg: int, central: int) -> None:
    assert zone_epsg(lon) == epsg
    assert f"CM {central}E" in CRS(epsg).name


@pytest.mark.parametrize("lon", [37.5, 160.0, float("nan")])
def test_zone_outside_china_is_refused(lon: float) -> None:
    with pytest.raises(ParameterError, match="lies in no CGCS2000 3-degree zone"):
        zone_epsg(lon)


def test_one_degree_of_meridian_is_the_integral_of_its_radius() -> None:
    phi = np.radians(np.linspace(37.0, 38.0, 20_001))
    e2 = (2 - 1 / 298.257222101) / 298.257222101
    radius = 6378137.0 * (1 - e2) / (1 - e2 * np.sin(phi) ** 2) ** 1.5
    assert geodesic_distance_m(112, 37, 112, 38) == pytest.approx(np.trapezoid(radius, phi), abs=1e-4)


def test_distance_broadcasts_and_keeps_what_is_unknown() -> None:
    distance = geodesic_distance_m(np.array([112.0, np.nan]), 37.0, 112.01, 37.0)
    assert distance[0] == pytest.approx(889.9, abs=0.5)
    assert np.isnan(distance[1])


@given(shanxi_lon, shanxi_lat, st.floats(0, 360), st.floats(1, 10_000))
@settings(max_examples=100, deadline=None)
def test_local_metric_is_true_to_scale(lon: float, lat: float, azimuth: float, length: float) -> None:
    end_lon, end_lat, _ = GEOD.fwd(lon, lat, azimuth, length)
    east, north = local_metric(lon, lat).transform(end_lon, end_lat)
    assert np.hypot(east, north) == pytest.approx(length, rel=1.5e-6, abs=1e-6)
    back = local_metric(lon, lat).transform(east, north, direction="INVERSE")
    assert back == pytest.approx((end_lon, end_lat), abs=1e-10)


def test_scale_factor_at_the_edge_of_a_zone() -> None:
    # standards.md 8.1: zone 37 at 112.5 E is +217 ppm at 37.5 N, at 114 E +867 ppm.
    factor = point_scale_factor(CRS(4546), [111.0, 112.5, 114.0], [37.5, 37.5, 37.5])
    assert (factor - 1) * 1e6 == pytest.approx([0, 217, 867], abs=1)
    with pytest.raises(CRSError, match="has no scale factor"):
        point_scale_factor(CRS(4490), 111.0, 37.0)


def _worst_bend_m(line: shapely.LineString, dense: shapely.LineString, forward) -> float:
    """Largest distance in metres of points of the true (source-straight) line from the densified one."""
    xy = shapely.get_coordinates(line)
    shares = np.linspace(0, 1, 20_001)[:, None]
    true = np.column_stack(forward(*(xy[0] + shares * (xy[1] - xy[0])).T))
    # Distances in a plane stretched to metres at each point's latitude.
    worst = 0.0
    tree = dense.segmentize(1.0)
    shapely.prepare(tree)
    for part in np.array_split(true, 20):
        scale = np.cos(np.radians(part[:, 1].mean()))
        squeezed = shapely.transform(shapely.clip_by_rect(tree, *(part.min(0) - 0.01), *(part.max(0) + 0.01)),
                                     lambda c, s=scale: c * [s, 1.0])  # fmt: skip
        worst = max(worst, float(shapely.distance(squeezed, shapely.points(part * [scale, 1.0])).max()))
    return worst * np.radians(GEOD.a)


@pytest.mark.parametrize(
    ("crs", "coordinates"),
    [
        ("EPSG:4547", [(400_000, 4_150_000), (560_000, 4_150_000)]),
        ("EPSG:4546", [(400_000, 3_900_000), (600_000, 4_300_000)]),
        ("EPSG:3857", [(12_400_000, 4_500_000), (12_600_000, 4_560_000)]),
        ("GCJ-02", [(111.0, 36.5), (113.0, 37.5)]),
        ("BD-09", [(111.0, 38.0), (112.0, 38.0)]),
    ],
)
def test_a_straight_edge_stays_within_a_millimetre(crs: str, coordinates: list[tuple[float, float]]) -> None:
    line = shapely.LineString(coordinates)
    frame = gpd.GeoDataFrame(geometry=[line])
    dense = to_geographic(frame, crs).geometry.iloc[0]
    assert _worst_bend_m(line, dense, geographic_transform(parse_crs(crs))) < 1e-3
    # Not more vertices than a handful of times what the bow asks for.
    assert shapely.get_num_coordinates(dense) < 6_000


def test_vertices_stay_and_short_edges_get_none() -> None:
    square = shapely.box(500_000, 4_100_000, 500_015, 4_100_015)
    frame = gpd.GeoDataFrame({"id": ["A"]}, geometry=[square], crs=4547)
    result = to_geographic(frame)
    assert result.crs.to_epsg() == 4490
    assert shapely.get_num_coordinates(result.geometry.iloc[0]) == 5
    expected = Transformer.from_crs(4547, 4490, always_xy=True).transform(500_000, 4_100_015)
    distances = shapely.distance(shapely.Point(expected), shapely.points(result.geometry.iloc[0].exterior.coords))
    assert distances.min() < 1e-12


def test_geometry_collections_multi_parts_and_none_pass() -> None:
    parts = [
        shapely.MultiLineString([[(4e5, 4.1e6), (5e5, 4.1e6)], [(5e5, 4.2e6), (5e5, 4.3e6)]]),
        shapely.Polygon(
            [(4e5, 4.1e6), (5e5, 4.1e6), (5e5, 4.2e6)], [[(4.8e5, 4.11e6), (4.9e5, 4.11e6), (4.9e5, 4.12e6)]]
        ),
        None,
        shapely.Point(5e5, 4.1e6, 800.0),
    ]
    result = to_geographic(gpd.GeoDataFrame(geometry=parts, crs=4547)).geometry
    assert [geometry and geometry.geom_type for geometry in result] == ["MultiLineString", "Polygon", None, "Point"]
    assert len(result.iloc[1].interiors) == 1
    assert not result.iloc[3].has_z


def test_geographic_layers_are_not_touched() -> None:
    line = shapely.LineString([(111.0, 36.0), (114.0, 40.0)])
    for crs in (4490, 4326):
        result = to_geographic(gpd.GeoDataFrame(geometry=[line], crs=crs))
        assert result.geometry.iloc[0].equals(line)
        assert result.crs.to_epsg() == 4490


def test_a_frame_without_crs_and_an_endless_edge_are_refused() -> None:
    with pytest.raises(CRSError, match="coordinate system of the layer is unknown"):
        to_geographic(gpd.GeoDataFrame(geometry=[shapely.Point(1, 2)]))
    endless = gpd.GeoDataFrame(geometry=[shapely.LineString([(-2e7, 1e6), (2e7, 1e6)])], crs=3857)
    with pytest.raises(GeometryError, match="km long"):
        to_geographic(endless)
