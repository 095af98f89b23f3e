"""Paths down analytic surfaces: direction, length, depressions, and the grids they run on."""

import functools

import numpy as np
import pytest
import rioxarray  # noqa: F401
import shapely
import xarray as xr

from sxrisk.crs import GEOD, local_metric
from sxrisk.errors import CRSError, GeometryError, ParameterError
from sxrisk.reach import FlowField
from sxrisk.reach._drainage import flood

LON, LAT = 112.5, 37.5
TM = local_metric(LON, LAT)


def surface(height, cell_m: float, half_m: float = 2500.0) -> xr.DataArray:
    """An elevation model of a function of easting and northing about a place."""
    ticks = np.arange(-half_m, half_m, cell_m) + cell_m / 2
    x, y = np.meshgrid(ticks, ticks[::-1])
    array = xr.DataArray(height(x, y), dims=("y", "x"), coords={"y": ticks[::-1], "x": ticks}, attrs={"units": "m"})
    return array.rio.write_crs(TM.target_crs.to_wkt())


def planar(path) -> np.ndarray:
    return np.column_stack(TM.transform(path.lon, path.lat))


@pytest.mark.parametrize("azimuth", [0.0, 11.0, 22.5, 30.0, 45.0, 67.5, 100.0, 200.0, 333.0])
@pytest.mark.parametrize("cell_m", [10.0, 30.0])
def test_plane_is_followed_straight_and_at_its_true_length(azimuth, cell_m):
    # Plain D8 would run off by up to 22.5 degrees and be up to 8 % too long.
    angle = np.radians(azimuth)
    field = FlowField(surface(lambda x, y: 1000 - 0.1 * (x * np.sin(angle) + y * np.cos(angle)), cell_m))
    path = field.trace_downstream(LON, LAT, 1000.0)
    end = planar(path)[-1]
    assert path.length_m == pytest.approx(1000.0, abs=1e-6)
    assert np.hypot(*end) == pytest.approx(1000.0, rel=0.01)
    assert np.hypot(*(end - 1000 * np.array([np.sin(angle), np.cos(angle)]))) < 1.2 * cell_m


@pytest.mark.parametrize("cell_m", [10.0, 30.0])
def test_grid_bias_of_the_length_is_within_its_stated_sigma_in_every_direction(cell_m):
    # The bare steps of a grid are up to 8 % longer than the line that they follow.
    bias = []
    for azimuth in (*np.arange(0.0, 46.0, 5.0), 112.0, 157.0, 203.0, 248.0, 293.0, 338.0):
        angle = np.radians(azimuth)
        slope = functools.partial(lambda x, y, a: 1000 - 0.1 * (x * np.sin(a) + y * np.cos(a)), a=angle)
        end = planar(FlowField(surface(slope, cell_m, 1300.0)).trace_downstream(LON, LAT, 1000.0))[-1]
        bias.append(1000.0 / np.hypot(*end) - 1.0)
    assert min(bias) > -1e-4
    assert max(bias) < 0.006
    assert np.mean(bias) < 0.003


@pytest.mark.parametrize("cell_m", [10.0, 30.0])
def test_noise_on_the_ground_does_not_lengthen_the_path(cell_m):
    rng = np.random.default_rng(3)

    def rough(x, y):
        axis = 120.0 * np.sin(2 * np.pi * x / 1200.0)
        return 1000 - 0.05 * x + 0.004 * (y - axis) ** 2 + rng.normal(scale=1.0, size=x.shape)

    end = planar(FlowField(surface(rough, cell_m)).trace_downstream(LON, LAT, 1500.0))[-1, 0]
    x = np.linspace(0.0, end, 20_001)
    true = np.hypot(np.diff(x), np.diff(120.0 * np.sin(2 * np.pi * x / 1200.0))).sum()
    assert true == pytest.approx(1500.0, rel=0.02)


@pytest.mark.parametrize("cell_m", [10.0, 30.0])
def test_cone_runs_off_radially(cell_m):
    field = FlowField(surface(lambda x, y: 1000 - 0.2 * np.hypot(x, y), cell_m))
    lon, lat = TM.transform(300.0, 160.0, direction="INVERSE")
    end = planar(field.trace_downstream(lon, lat, 1000.0))[-1]
    assert np.hypot(*end) == pytest.approx(1340.0, rel=0.01)
    assert np.degrees(np.arctan2(end[1], end[0])) == pytest.approx(np.degrees(np.arctan2(160, 300)), abs=1.5)


@pytest.mark.parametrize(("cell_m", "bound"), [(10.0, 0.01), (30.0, 0.025)])
def test_winding_valley_at_its_true_length(cell_m, bound):
    amplitude, period = 120.0, 1200.0

    def axis(x):
        return amplitude * np.sin(2 * np.pi * x / period)

    field = FlowField(surface(lambda x, y: 1000 - 0.05 * x + 0.004 * (y - axis(x)) ** 2, cell_m))
    lon, lat = TM.transform(0.0, 0.0, direction="INVERSE")
    path = field.trace_downstream(lon, lat, 1500.0)
    end = planar(path)[-1, 0]
    x = np.linspace(0.0, end, 20_001)
    true = np.hypot(np.diff(x), np.diff(axis(x))).sum()
    assert path.length_m == pytest.approx(true, rel=bound)
    assert np.abs(planar(path)[:, 1] - axis(planar(path)[:, 0])).max() < 1.5 * cell_m


def test_a_depression_is_filled_and_left_at_its_spill():
    def pitted(x, y):
        return 1000 - 0.05 * x + 0.002 * y**2 - 30 * np.exp(-((x - 500) ** 2 + y**2) / 100**2)

    field = FlowField(surface(pitted, 10.0))
    path = field.trace_downstream(LON, LAT, 1500.0)
    assert not path.left_dem
    assert planar(path)[-1, 0] > 1300.0


def test_flood_equals_spill_levels_and_leads_out():
    rng = np.random.default_rng(4)
    height = rng.normal(size=(40, 50)).cumsum(axis=0)
    height[10, 10] = np.nan
    filled, out, order = flood(height)
    expected = np.where(np.isnan(height), -np.inf, np.inf)
    # Fixed point: a cell stands at its own height or at the lowest way out, whichever is higher.
    edge = np.zeros_like(height, dtype=bool)
    edge[0], edge[-1], edge[:, 0], edge[:, -1] = True, True, True, True
    for _ in range(400):
        padded = np.pad(expected, 1, constant_values=np.inf)
        around = np.min(
            [padded[1 + r : 41 + r, 1 + c : 51 + c] for r in (-1, 0, 1) for c in (-1, 0, 1) if r or c], axis=0
        )
        level = np.where(edge, height, np.maximum(height, around))
        expected = np.where(np.isnan(height), -np.inf, level)
    ground = ~np.isnan(height)
    np.testing.assert_array_equal(filled[ground], expected[ground])
    inner = np.flatnonzero((out >= 0) & ground.ravel())
    assert (order[out[inner]] < order[inner]).all()
    assert (filled.ravel()[out[inner]] <= filled.ravel()[inner]).all()


def test_geographic_grid_in_true_metres():
    step = 1 / 3600
    lon, lat = np.arange(LON - 0.03, LON + 0.03, step), np.arange(LAT + 0.03, LAT - 0.03, -step)
    metres = 111_000 * (lat[:, None] - LAT) + np.zeros(len(lon))
    dem = xr.DataArray(900 + 0.1 * metres, dims=("y", "x"), coords={"y": lat, "x": lon}).rio.write_crs(4326)
    field = FlowField(dem)
    width, height = field.cell_size_m(LAT)
    assert width == pytest.approx(GEOD.inv(LON, LAT, LON + step, LAT)[2], rel=1e-9)
    assert height == pytest.approx(30.83, abs=0.02)
    path = field.trace_downstream(LON, LAT, 1000.0)
    assert GEOD.inv(LON, LAT, path.lon[-1], path.lat[-1])[2] == pytest.approx(1000.0, rel=0.01)
    assert path.lat[-1] < LAT


def test_path_ends_at_the_edge_and_says_so():
    field = FlowField(surface(lambda x, y: 1000 - 0.1 * x, 10.0, half_m=300.0))
    path = field.trace_downstream(LON, LAT, 1000.0)
    assert path.left_dem
    assert 280 < path.length_m < 310
    assert isinstance(path.part(path.length_m), shapely.LineString)
    assert path.part(0.0).equals(shapely.Point(LON, LAT))


def test_bad_input():
    dem = surface(lambda x, y: -x, 10.0, half_m=300.0)
    with pytest.raises(ParameterError, match="length_m"):
        FlowField(dem).trace_downstream(LON, LAT, 0.0)
    with pytest.raises(GeometryError, match="outside the elevation model"):
        FlowField(dem).trace_downstream(LON + 1, LAT, 100.0)
    with pytest.raises(GeometryError, match="shape"):
        FlowField(dem[:2])
    with pytest.raises(CRSError, match="no CRS"):
        FlowField(xr.DataArray(np.zeros((5, 5)), dims=("y", "x")))
