"""People within a distance of an outline: counted by hand."""

import geopandas as gpd
import pytest
import shapely

from sxrisk.crs import local_metric
from sxrisk.errors import MissingFieldError, ParameterError
from sxrisk.reach import population_within

TM = local_metric(112.5, 37.5)


def box(west, south, east, north):
    ring = [(west, south), (east, south), (east, north), (west, north)]
    return shapely.Polygon([TM.transform(*corner, direction="INVERSE") for corner in ring])


def point(x, y):
    return shapely.Point(TM.transform(x, y, direction="INVERSE"))


def frame(*shapes, **columns):
    return gpd.GeoDataFrame(columns, geometry=list(shapes), crs=4490)


# A fence 200 m by 100 m.
FENCE = frame(box(0, 0, 200, 100))


def counted(places, sites=FENCE):
    return tuple(population_within(sites, places, 500.0).iloc[0])


def test_wholly_partly_and_not_within():
    # Whole up to 499 m from the fence; cut by the line; beyond it.
    places = frame(box(650, 0, 699, 50), box(650, 200, 760, 300), box(701, 0, 750, 50), population=[40, 25, 1000])
    assert counted(places) == (40.0, 65.0, 0.0)


def test_points_count_as_a_whole_and_their_accuracy_both_ways():
    exact = frame(point(699.9, 50), point(700.1, 50), population=[10, 20])
    assert counted(exact) == (10.0, 10.0, 0.0)
    # 5 m at 95 % are 9.8 m: the first two are open, the third is sure.
    vague = frame(
        point(699, 50), point(705, 50), point(680, 50), point(715, 50), population=[1, 2, 4, 8], position_sigma_m=5.0
    )
    assert counted(vague) == (4.0, 7.0, 0.0)


def test_the_corner_of_the_strip_is_round():
    # 353 m east and north of the corner are 499.2 m, 354 m are 500.6 m.
    places = frame(point(200 + 353, 100 + 353), point(200 + 354, 100 + 354), population=[1, 2])
    assert counted(places) == (1.0, 1.0, 0.0)


def test_inside_the_fence_and_without_a_number():
    places = frame(box(50, 20, 60, 30), point(300, 50), point(400, 50), population=[99, 5, None])
    assert counted(places) == (5.0, 5.0, 1.0)


def test_households_are_at_least_one_person_each():
    places = frame(point(300, 50), point(400, 50), point(450, 50), population=[None, None, 7], households=[50, None, 2])
    assert counted(places) == (57.0, 57.0, 2.0)


def test_kinds_may_hold_the_same_people():
    places = frame(
        point(300, 50),
        point(310, 50),
        point(320, 50),
        population=[60, 4, 5],
        kind=["settlement", "building", "building"],
    )
    assert counted(places) == (60.0, 69.0, 0.0)


def test_several_sites_and_none_near():
    sites = frame(box(0, 0, 200, 100), box(5000, 0, 5200, 100))
    found = population_within(sites, frame(point(300, 50), population=[7]), 500.0)
    assert found["population_high"].tolist() == [7.0, 0.0]


def test_bad_input():
    with pytest.raises(MissingFieldError, match="population"):
        population_within(FENCE, frame(point(0, 0)), 500.0)
    with pytest.raises(ParameterError, match="distance_m"):
        population_within(FENCE, frame(point(0, 0), population=[1]), 0.0)
