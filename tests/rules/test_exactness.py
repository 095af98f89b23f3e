"""No wrong decision one centimetre inside or outside a limit, by the geodesic's direct problem, anywhere in Shanxi."""

import geopandas as gpd
import numpy as np
import pyproj
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from sxrisk.rules import check_distances
from sxrisk.rules._pairs import Pieces, pairs_within

GEOD = pyproj.Geod(ellps="GRS80")
CASES = 200
LIMITS = np.array([5.0, 20.0, 50.0, 100.0, 200.0, 500.0, 1000.0, 2000.0, 5000.0])
seeds = st.integers(0, 2**32 - 1)


def places(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Places all over the province, a third of them beside the border of its two zones."""
    lon, lat = rng.uniform(110.2, 114.6, CASES), rng.uniform(34.5, 40.8, CASES)
    border = np.arange(CASES) % 3 == 0
    lon[border] = 112.5 + rng.normal(0.0, 0.01, int(border.sum()))
    return lon, lat


def tangent_azimuth(lon: np.ndarray, lat: np.ndarray, step: np.ndarray) -> np.ndarray:
    """Azimuth in which a line that is straight in longitude and latitude leaves a place."""
    scale = 1e-7 / np.hypot(*step.T)[:, None]
    return GEOD.inv(lon, lat, lon + (step * scale)[:, 0], lat + (step * scale)[:, 1])[0]


def asked(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Limits, true distances one centimetre off them, and whether these are inside."""
    limit, inside = rng.choice(LIMITS, CASES), rng.random(CASES) < 0.5
    return limit, limit + np.where(inside, -0.01, 0.01), inside


def decided(subjects, objects, limit: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Whether pair k of k is found, and its distance; other pairs that lie near by chance do not count."""
    pairs = pairs_within(Pieces(np.array(subjects)), Pieces(np.array(objects)), limit)
    own = pairs.left == pairs.right
    found, distance = np.zeros(CASES, dtype=bool), np.full(CASES, np.nan)
    found[pairs.left[own]], distance[pairs.left[own]] = True, pairs.distance_m[own]
    return found, distance


@settings(max_examples=15, deadline=None)
@given(seeds)
def test_points(seed):
    rng = np.random.default_rng(seed)
    lon, lat = places(rng)
    limit, true, inside = asked(rng)
    lon2, lat2, _ = GEOD.fwd(lon, lat, rng.uniform(0, 360, CASES), true)
    found, distance = decided(shapely.points(lon, lat), shapely.points(lon2, lat2), limit)
    assert (found == inside).all()
    np.testing.assert_allclose(distance[inside], true[inside], atol=1e-6)


def long_edges(rng: np.random.Generator, lon: np.ndarray, lat: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Edges of up to 40 km through places, and the azimuth of their left-hand side there."""
    bearing, length = rng.uniform(0, 2 * np.pi, CASES), 10.0 ** rng.uniform(-4, -0.7, CASES)
    step = np.column_stack([np.sin(bearing), np.cos(bearing)]) * length[:, None]
    share = rng.uniform(0.1, 0.9, CASES)[:, None]
    middle = np.column_stack([lon, lat])
    edge = np.stack([middle - share * step, middle + (1.0 - share) * step], axis=1)
    return edge, tangent_azimuth(lon, lat, step) - 90.0


@settings(max_examples=15, deadline=None)
@given(seeds, st.booleans())
def test_feet_of_perpendiculars_on_long_edges(seed, points_first):
    rng = np.random.default_rng(seed)
    lon, lat = places(rng)
    limit, true, inside = asked(rng)
    edge, left_hand = long_edges(rng, lon, lat)
    lon2, lat2, _ = GEOD.fwd(lon, lat, left_hand, true)
    # The foot is on the edge's own line where the edge is long enough not to end before it.
    sides = shapely.linestrings(edge), shapely.points(lon2, lat2)
    found, distance = decided(*(sides[::-1] if points_first else sides), limit)
    assert (found == inside).all()
    np.testing.assert_allclose(distance[inside], true[inside], atol=1e-4)


@settings(max_examples=15, deadline=None)
@given(seeds, st.booleans())
def test_polygons_and_holes(seed, from_the_hole):
    rng = np.random.default_rng(seed)
    lon, lat = places(rng)
    limit, true, inside = asked(rng)
    edge, left_hand = long_edges(rng, lon, lat)
    lon2, lat2, _ = GEOD.fwd(lon, lat, left_hand, true)
    # A narrow polygon on the right-hand side of the edge; or a wide hole on its left, in a polygon around all.
    along = edge[:, 1] - edge[:, 0]
    across = np.column_stack([along[:, 1], -along[:, 0]]) * 0.3
    if from_the_hole:
        far = 1.0 / np.hypot(*along.T)[:, None]
        rims = [edge[:, 0] - far * along, edge[:, 1] + far * along]
        hole = np.stack([*rims, rims[1] - far * across, rims[0] - far * across], axis=1)
        shapes = [
            shapely.Polygon(shapely.box(*(ring.min(axis=0) - 1), *(ring.max(axis=0) + 1)).exterior, [ring])
            for ring in hole
        ]
        assert not shapely.contains_xy(shapes, lon2, lat2).any()
    else:
        shapes = shapely.polygons(np.stack([edge[:, 0], edge[:, 1], edge[:, 1] + across, edge[:, 0] + across], axis=1))
    found, distance = decided(shapes, shapely.points(lon2, lat2), limit)
    assert (found == inside).all()
    np.testing.assert_allclose(distance[inside], true[inside], atol=1e-4)


@settings(max_examples=6, deadline=None)
@given(seeds, st.sampled_from([4546, 4547, 32649]))
def test_edges_straight_in_the_files_own_system(seed, code):
    rng = np.random.default_rng(seed)
    lon, lat = places(rng)
    lon, lat = lon[:40], lat[:40]
    limit, true, inside = (values[:40] for values in asked(rng))
    out, back = (pyproj.Transformer.from_crs(*ends, always_xy=True) for ends in ((4490, code), (code, 4490)))
    middle = np.column_stack(out.transform(lon, lat))
    bearing = rng.uniform(0, 2 * np.pi, 40)
    step = np.column_stack([np.sin(bearing), np.cos(bearing)]) * 10.0 ** rng.uniform(2, 4.3, 40)[:, None]
    near = np.column_stack(back.transform(*(middle + step / np.hypot(*step.T)[:, None]).T))
    lon2, lat2, _ = GEOD.fwd(lon, lat, GEOD.inv(lon, lat, *near.T)[0] + 90.0, true)
    pipes = gpd.GeoDataFrame(
        {"limit": limit}, geometry=shapely.linestrings(np.stack([middle - step, middle + step], axis=1)), crs=code
    )
    homes = gpd.GeoDataFrame(geometry=shapely.points(lon2, lat2), crs=4490)
    found = check_distances(pipes, homes, "limit")
    own = found[found["subject_id"] == found["object_id"]]
    assert set(own["subject_id"].astype(int)) == set(np.flatnonzero(inside))
    assert own["measured"].to_numpy() == pytest.approx(true[own["subject_id"].astype(int)], abs=2e-3)
