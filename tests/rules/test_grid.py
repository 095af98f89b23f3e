"""The compiled parts of the search: geodesics, feet, the grid, and ids, each against a plain reference."""

import numpy as np
import pandas as pd
import pyarrow as pa
import pyproj
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize_scalar

from sxrisk.findings import finding_id
from sxrisk.rules import load_catalogue
from sxrisk.rules._grid_metric import foot, geodesic_m, least_scales
from sxrisk.rules._pairs import Pieces, pairs_within
from sxrisk.rules.rows import End, finding_rows, pair_table

GEOD = pyproj.Geod(ellps="GRS80")


@pytest.mark.parametrize(("length", "within"), [(1.0, 1e-8), (5000.0, 1e-7), (30_000.0, 1e-5), (100_000.0, 1e-3)])
def test_short_geodesics_all_over_china(length, within):
    rng = np.random.default_rng(5)
    lon, lat = rng.uniform(73, 136, 3000), rng.uniform(3, 54, 3000)
    lon2, lat2, _ = GEOD.fwd(lon, lat, rng.uniform(0, 360, 3000), np.full(3000, length))
    exact = GEOD.inv(lon, lat, lon2, lat2)[2]
    ours = np.array([geodesic_m(*ends) for ends in zip(lon, lat, lon2, lat2, strict=True)])
    np.testing.assert_allclose(ours, exact, atol=within, rtol=0)
    assert ours[0] == geodesic_m(lon2[0], lat2[0], lon[0], lat[0])


@settings(max_examples=80, deadline=None)
@given(st.integers(0, 2**32 - 1), st.floats(0.0, 4.3))
def test_foot_is_the_least_geodesic(seed, magnitude):
    rng = np.random.default_rng(seed)
    a = rng.uniform([74, 4], [135, 53])
    b = a + rng.normal(size=2) * 0.005
    p = 0.5 * (a + b) + rng.normal(size=2) * 10.0**magnitude / 1e5
    fit = minimize_scalar(
        lambda t: GEOD.inv(*p, *(a + t * (b - a)))[2], bounds=(0, 1), method="bounded", options={"xatol": 1e-10}
    )
    best = min(fit.fun, GEOD.inv(*p, *a)[2], GEOD.inv(*p, *b)[2])
    distance, *place = foot(*p, *a, *b)
    assert distance == pytest.approx(best, abs=1e-4)
    assert GEOD.inv(*p, *place)[2] == pytest.approx(distance, abs=1e-5)


def test_nothing_is_nearer_than_the_least_scales_say():
    rng = np.random.default_rng(6)
    for reach in (5.0, 1000.0, 30_000.0):
        lon, lat = rng.uniform(74, 135, 500), rng.uniform(4, 53, 500)
        lon2, lat2, _ = GEOD.fwd(lon, lat, rng.uniform(0, 360, 500), rng.uniform(0, reach, 500))
        scales = np.array([least_scales(value, value, reach) for value in lat])
        bound = np.hypot((lon2 - lon) * scales[:, 0], (lat2 - lat) * scales[:, 1])
        exact = GEOD.inv(lon, lat, lon2, lat2)[2]
        assert (bound <= exact + 1e-8).all()
        assert (exact <= bound * scales[:, 2] + 1e-8).all()


def mixture(rng: np.random.Generator, count: int) -> np.ndarray:
    """Geometries of every type and of sizes from 5 m to 5 km in a square of some 9 km."""
    made = []
    for k in range(count):
        middle, size = rng.uniform([112.45, 37.45], [112.55, 37.53]), 10.0 ** rng.uniform(-4.3, -1.6)
        line = middle + rng.normal(size=(int(rng.integers(2, 40)), 2)).cumsum(axis=0) * size * 0.3
        disc = shapely.Point(middle).buffer(size, quad_segs=int(rng.integers(1, 12)))
        ring = disc.difference(shapely.Point(middle).buffer(size * 0.6))
        point = shapely.Point(middle)
        made.append(
            [
                point,
                shapely.LineString(line),
                disc,
                ring,
                shapely.MultiPoint(line[:3]),
                shapely.GeometryCollection([ring, shapely.LineString(line + 0.01)]),
            ][k % 6]
        )
    return np.array(made, dtype=object)


def planar(geometries: np.ndarray) -> np.ndarray:
    """The geometries in a transverse Mercator through their middle, true to 2e-7 there, edges densified."""
    project = pyproj.Transformer.from_crs(4490, "+proj=tmerc +lon_0=112.5 +lat_0=37.49 +ellps=GRS80", always_xy=True)
    return shapely.transform(
        shapely.segmentize(geometries, 0.001), lambda lonlat: np.column_stack(project.transform(*lonlat.T))
    )


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_pairs_of_all_types_and_sizes_are_those_of_an_exhaustive_search(seed):
    rng = np.random.default_rng(seed)
    left, right = mixture(rng, 60), mixture(rng, 240)
    limit = rng.uniform(0.0, 1500.0, 60)
    pairs = pairs_within(Pieces(left), Pieces(right), limit)
    every = shapely.distance(planar(left)[:, None], planar(right)[None, :])
    sure = np.abs(every - limit[:, None]) > 0.005
    found = np.zeros(every.shape, dtype=bool)
    found[pairs.left, pairs.right] = True
    assert (found == (every <= limit[:, None]))[sure].all()
    truth = every[pairs.left, pairs.right]
    np.testing.assert_allclose(pairs.distance_m, truth, atol=0.003)
    meets = shapely.intersects(left[:, None], right[None, :])
    assert ((pairs.distance_m == 0) == meets[pairs.left, pairs.right]).all()
    assert (np.diff(pairs.left * 1000 + pairs.right) > 0).all()
    apart = pairs.distance_m > 0
    np.testing.assert_allclose(GEOD.inv(*pairs.ends[apart].T)[2], pairs.distance_m[apart], atol=1e-5)


def test_a_pair_is_the_same_whatever_stands_beside_it():
    rng = np.random.default_rng(9)
    left, right = mixture(rng, 48), mixture(rng, 180)
    limit = rng.uniform(0.0, 2000.0, 48)
    whole = pairs_within(Pieces(left), Pieces(right), limit)
    shuffled = rng.permutation(180)
    for chosen in (np.sort(shuffled[:70]), shuffled):
        part = pairs_within(Pieces(left), Pieces(right[chosen]), limit)
        at = np.lexsort((chosen[part.right], part.left))
        mine = whole.take(np.isin(whole.right, chosen))
        assert (chosen[part.right][at] == mine.right).all()
        assert (part.distance_m[at] == mine.distance_m).all()
        assert (part.ends[at] == mine.ends).all()


def test_taking_pieces_is_making_them_of_a_part():
    rng = np.random.default_rng(11)
    shapes = mixture(rng, 50)
    shapes[[3, 30]] = None, shapely.Point()
    chosen = np.flatnonzero(rng.random(50) < 0.5)
    part, made = Pieces(shapes).take(chosen), Pieces(shapes[chosen])
    for name in ("lon", "lat", "start", "box", "owner", "place", "place_owner"):
        assert (getattr(part.whole, name) == getattr(made.whole, name)).all(), name
    assert [part.areas.first.tolist(), part.areas.end.tolist()] == [made.areas.first.tolist(), made.areas.end.tolist()]


def ends(count: int) -> pd.DataFrame:
    keys = [f"村庄/{'长' * (k % 40)}{k}" for k in range(count)]
    columns = {"key": keys, "kind": "settlement", "id": keys, "name": "", "county": "", "crs_unknown": False}
    return pd.DataFrame(columns)


def test_ids_made_at_once_are_those_made_one_by_one():
    catalogue = load_catalogue()
    rule = catalogue.rules["P-30c"]
    rows, count = ends(300), 300
    values = {"sigma": np.zeros(count), "is_broken": np.ones(count, bool), "probability": np.ones(count)}
    geometry = np.full(count, shapely.Point(112, 37), dtype=object)
    parts = ["" if k % 3 else f"三级/{k}" for k in range(count)]
    alone = finding_rows(
        catalogue, rule, rows, None, measured=1.0, required=5.0, geometry=geometry, parts=parts, **values
    )
    assert alone["finding_id"].tolist() == [
        finding_id(rule.id, key, "", part) for key, part in zip(rows["key"], parts, strict=True)
    ]
    i, j = np.arange(300) % 70, np.arange(300) % 130
    both = pair_table(
        catalogue, rule, End(rows, i), End(rows, j), measured=np.ones(count), required=np.full(count, 5.0),
        lines=lambda kept: pa.array([b""] * len(kept), pa.large_binary()), **values,
    )  # fmt: skip
    expected = sorted(finding_id(rule.id, rows["key"][a], rows["key"][b]) for a, b in zip(i, j, strict=True))
    assert both["finding_id"].to_pylist() == expected


def test_points_among_points_and_among_other_things_are_measured_alike():
    rng = np.random.default_rng(13)
    left = shapely.points(rng.uniform([112.45, 37.45], [112.55, 37.53], (70, 2)))
    right = shapely.points(rng.uniform([112.45, 37.45], [112.55, 37.53], (900, 2)))
    right[5] = left[3]
    limit = rng.uniform(0.0, 2500.0, 70)
    limit[[7, 9]] = np.nan, -1.0
    quick = pairs_within(Pieces(left), Pieces(right), limit)
    far = shapely.LineString([(80.0, 30.0), (80.1, 30.0)])
    general = pairs_within(Pieces(left), Pieces(np.append(right, far)), limit)
    for name in ("left", "right", "ends"):
        assert (getattr(quick, name) == getattr(general, name)).all(), name
    np.testing.assert_allclose(quick.distance_m, general.distance_m, atol=1e-9, rtol=0)
    told = [shapely.from_wkb(pairs.lines_as_wkb(np.arange(len(pairs.left))).to_pylist()) for pairs in (quick, general)]
    assert (told[0] == quick.lines()).all()
    assert (told[0] == told[1]).all()
    assert quick.lines()[quick.distance_m == 0][0].equals(left[3])
