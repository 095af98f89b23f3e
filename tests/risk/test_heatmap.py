"""Kernel density: closed forms, totals, boundary, bad input and the file."""

import geopandas as gpd
import numpy as np
import pytest
import rasterio
import shapely

from sxrisk.errors import CRSError, GeometryError, MissingFieldError, OutputError, ParameterError
from sxrisk.risk import heatmap, write_heatmap
from sxrisk.risk._ground import equal_area_crs, to_ground
from sxrisk.risk._kernel import Grid, gaussian_sum


def sources(count: int, seed: int = 0) -> gpd.GeoDataFrame:
    rng = np.random.default_rng(seed)
    points = shapely.points(rng.uniform(112, 112.6, count), rng.uniform(37, 37.6, count))
    return gpd.GeoDataFrame({"w": rng.uniform(0, 5, count)}, geometry=points, crs=4490)


@pytest.mark.parametrize("cell_m", [250.0, 500.0, 999.0, 1000.0])
def test_total_is_kept_over_the_whole_support(cell_m):
    points = sources(300)
    density = heatmap(points, weight="w", bandwidth_m=2000.0, cell_m=cell_m)
    assert float(density.sum()) * (cell_m / 1000) ** 2 == pytest.approx(points["w"].sum(), rel=1e-9)
    assert density.attrs["total_weight"] == pytest.approx(points["w"].sum())


def test_values_are_the_exact_sum_at_cell_centres():
    rng = np.random.default_rng(2)
    x, y, w = rng.uniform(0, 40_000, 500), rng.uniform(0, 30_000, 500), rng.uniform(0, 3, 500)
    grid = Grid(-8_000.0, 38_000.0, 400.0, 120, 140)
    got = gaussian_sum(x, y, w, 1000.0, grid)
    distance2 = (grid.x[None, :, None] - x) ** 2 + (grid.y[:, None, None] - y) ** 2
    exact = (w * np.exp(-distance2 / 2e6)).sum(axis=-1) / (2e6 * np.pi)
    above = exact > 1e-6 * exact.max()
    np.testing.assert_allclose(got[above], exact[above], rtol=1e-9)
    assert np.abs(got - exact).max() < 1e-10 * exact.max()


def test_peak_of_one_source_in_closed_form():
    crs = equal_area_crs((112.0, 37.0, 112.0, 37.0))
    centre = gpd.GeoDataFrame(geometry=gpd.points_from_xy([512_125.0], [3_990_125.0]), crs=crs)
    density = heatmap(centre, weight=[7.0], bandwidth_m=1000.0, cell_m=250.0)
    assert float(density.max()) == pytest.approx(7.0 / (2 * np.pi), rel=1e-9)
    assert float(density.sel(x=513_125.0, y=3_990_125.0)) == pytest.approx(7.0 / (2 * np.pi) * np.exp(-0.5), rel=1e-9)


def test_boundary_keeps_the_total_and_reports_what_is_outside():
    points = sources(400)
    half = gpd.GeoDataFrame({"name": ["west"]}, geometry=[shapely.box(111.9, 36.9, 112.3, 37.7)], crs=4490)
    density = heatmap(points, weight="w", bandwidth_m=3000.0, cell_m=500.0, boundary=half)
    inside = points[points.within(half.geometry[0])]
    assert float(density.sum()) * 0.25 == pytest.approx(inside["w"].sum(), rel=1e-9)
    assert density.attrs["sources_outside"] == len(points) - len(inside)
    assert np.isnan(density.to_numpy()).any()


def test_bounds_choose_the_ground_and_far_sources_still_count():
    points = sources(200)
    whole = heatmap(points, bandwidth_m=3000.0, cell_m=500.0)
    part = heatmap(points, bandwidth_m=3000.0, cell_m=500.0, bounds=(112.2, 37.2, 112.3, 37.3))
    same = whole.sel(x=part.x, y=part.y)
    np.testing.assert_allclose(part.to_numpy(), same.to_numpy(), rtol=1e-9)


def test_bounds_with_a_boundary_are_a_window_of_the_whole_map():
    points = sources(400)
    county = gpd.GeoDataFrame(geometry=[shapely.box(112.05, 37.05, 112.5, 37.5)], crs=4490)
    asked = {"weight": "w", "bandwidth_m": 3000.0, "cell_m": 500.0, "boundary": county}
    whole, part = heatmap(points, **asked), heatmap(points, **asked, bounds=(112.0, 37.2, 112.2, 37.3))
    np.testing.assert_allclose(part.to_numpy(), whole.reindex(x=part.x, y=part.y).to_numpy(), rtol=1e-9, equal_nan=True)
    assert np.isfinite(part.to_numpy()).any()
    assert part.attrs["total_weight"] == whole.attrs["total_weight"]


def test_swapped_points_are_refused():
    points = sources(3)
    points.loc[1, "geometry"] = shapely.Point(37.2, 112.2)
    with pytest.raises(GeometryError, match=r"1 of 3 rows .* index 1"):
        heatmap(points, bandwidth_m=1000.0, cell_m=500.0)


def test_rows_without_place_or_weight_are_counted():
    points = sources(10)
    points.loc[2, "w"] = np.nan
    points.loc[5, "geometry"] = None
    density = heatmap(points, weight="w", bandwidth_m=1000.0, cell_m=500.0)
    assert density.attrs["rows_left_out"] == 2
    assert float(density.sum()) * 0.25 == pytest.approx(points["w"].drop(5).sum(), rel=1e-9)


def test_any_crs_and_areas_by_a_point_on_them():
    points = sources(50)
    expected = heatmap(points, weight="w", bandwidth_m=2000.0, cell_m=500.0)
    moved = heatmap(points.to_crs(4546), weight="w", bandwidth_m=2000.0, cell_m=500.0)
    np.testing.assert_allclose(moved.to_numpy(), expected.to_numpy(), rtol=1e-6, atol=1e-9)
    areas = points.set_geometry(shapely.buffer(points.geometry.array, 1e-4))
    assert float(heatmap(areas, weight="w", bandwidth_m=2000.0, cell_m=500.0).sum()) == pytest.approx(
        float(expected.sum()), rel=1e-9
    )


def test_grid_is_equal_area_and_stated():
    density = heatmap(sources(3), bandwidth_m=1000.0, cell_m=500.0)
    assert density.attrs["crs_name"] == "CGCS2000 / Shanxi Albers"
    assert density.rio.crs is not None
    assert density.y[0] > density.y[1]
    geod = equal_area_crs((110, 34, 115, 41)).get_geod()
    for lat in (34.6, 37.0, 40.7):
        patch = shapely.box(111.0, lat, 111.01, lat + 0.01).segmentize(0.0005)
        plane = to_ground(np.array([patch], dtype=object), equal_area_crs((110, 34, 115, 41)))[0].area
        assert plane == pytest.approx(abs(geod.geometry_area_perimeter(patch)[0]), rel=1e-6)
    assert "equal area" in equal_area_crs((100.0, 30.0, 101.0, 31.0)).name


def test_nothing_to_draw():
    empty = sources(0)
    with pytest.raises(GeometryError, match="no row has a place"):
        heatmap(empty, bandwidth_m=1000.0, cell_m=500.0)
    blank = heatmap(empty, bandwidth_m=1000.0, cell_m=500.0, bounds=(112.0, 37.0, 112.1, 37.1))
    assert float(blank.sum()) == 0.0


@pytest.mark.parametrize(
    ("change", "error", "text"),
    [
        ({"cell_m": 501.0}, ParameterError, "larger than half the bandwidth"),
        ({"cell_m": 0.0}, ParameterError, "above 0"),
        ({"bandwidth_m": float("nan")}, ParameterError, "bandwidth_m"),
        ({"weight": "tons"}, MissingFieldError, "no column 'tons'"),
        ({"weight": ["1", "2", "3 t"]}, ParameterError, "no number"),
        ({"points": sources(3).assign(t="many"), "weight": "t"}, ParameterError, "no number"),
        ({"bounds": (37.0, 112.0, 37.6, 112.6)}, ParameterError, "holds no ground"),
        ({"weight": [1.0]}, ParameterError, "shape"),
        ({"weight": [-1.0, 1.0, 1.0]}, ParameterError, "negative"),
        ({"bounds": (112.0, 37.0, 111.0, 36.0)}, ParameterError, "holds no ground"),
        (
            {"cell_m": 0.1, "bandwidth_m": 1.0, "bounds": (110.0, 35.0, 114.0, 40.0)},
            ParameterError,
            "at most 200,000,000",
        ),
        ({"points": sources(3).set_crs(None, allow_override=True)}, CRSError, "unknown"),
    ],
)
def test_bad_input(change, error, text):
    arguments = {"points": sources(3), "bandwidth_m": 1000.0, "cell_m": 500.0, **change}
    with pytest.raises(error, match=text):
        heatmap(**arguments)


def test_file_is_cloud_optimised_and_reads_back(tmp_path):
    density = heatmap(sources(30), weight="w", bandwidth_m=2000.0, cell_m=250.0)
    path = write_heatmap(tmp_path / "热力图.tif", density)
    with rasterio.open(path) as file:
        assert file.tags(ns="IMAGE_STRUCTURE")["LAYOUT"] == "COG"
        assert file.crs.to_dict()["proj"] == "aea"
        np.testing.assert_allclose(file.read(1), density.to_numpy(), rtol=1e-5, atol=1e-7)
    assert [item.name for item in tmp_path.iterdir()] == ["热力图.tif"]
    with pytest.raises(OutputError, match="cannot be written"):
        write_heatmap(tmp_path / "nowhere" / "h.tif", density)
