"""Series over many epochs: equal to M3C2 pair by pair, and the same however the epochs came in."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
import xarray as xr
import zarr

import sxrisk as sx
from sxrisk.change import m3c2_series
from sxrisk.errors import CRSError, FileFormatError, ParameterError
from sxrisk.scans.tiled import tile_scan

SIZES = {"normal_radius_m": 0.8, "cylinder_radius_m": 0.5, "max_depth_m": 1.5}
START = datetime(2026, 3, 1, tzinfo=UTC)


def epoch(day, rise, seed, n=6_000, **about):
    rng = np.random.default_rng(seed)
    xy = rng.uniform(0.0, 10.0, (n, 2))
    z = 0.1 * np.sin(xy[:, 0]) + rng.normal(0.0, 0.01, n) + rise * (xy[:, 0] > 5.0)
    xyz = np.round(np.column_stack([xy, z]), 4) + np.array([512000.0, 4123000.0, 1200.0])
    return sx.Scan(xyz, epoch=START + timedelta(days=day), crs="EPSG:4547", **about)


CLOUDS = [epoch(day, 0.03 * day, day, registration_sigma_m=0.001 * day) for day in range(5)]


def same(a, b):
    xr.testing.assert_identical(a.load().drop_attrs(), b.load().drop_attrs())


@pytest.mark.parametrize("method", ["mean", "median"])
def test_each_row_is_the_m3c2_of_its_pair(method):
    series = m3c2_series(CLOUDS, against="both", method=method, **SIZES)
    core = np.column_stack([series[a].values for a in "xyz"])
    normals = np.column_stack([series[f"normal_{a}"].values for a in "xyz"])
    assert series.sizes == {"time": 5, "point": len(core)}
    for k in range(1, 5):
        for prefix, base in (("", 0), ("step_", k - 1)):
            pair = sx.m3c2(CLOUDS[base], CLOUDS[k], core_points=core, normals=normals, method=method, **SIZES)
            name = f"{prefix}m" if prefix else "distance_m"
            np.testing.assert_allclose(series[name][k], pair.distance, atol=1e-14)
            np.testing.assert_allclose(series[f"{prefix}lod95_m"][k], pair.lod95, rtol=1e-9)
            np.testing.assert_array_equal(series[f"{prefix}significant"][k], pair.significant)
            np.testing.assert_array_equal(series[f"{prefix}reason"][k], pair.reason)
    assert (series.distance_m[0].dropna("point") == 0.0).all()
    assert series.lod95_m[0].isnull().all()
    assert series.time.values[1] == np.datetime64("2026-03-02T00:00:00")
    moved = series.x > 512006.0
    np.testing.assert_allclose(series.distance_m.where(moved).median("point"), 0.03 * np.arange(5), atol=0.003)


def test_previous_compares_neighbours():
    series = m3c2_series(CLOUDS, against="previous", **SIZES)
    both = m3c2_series(CLOUDS, against="both", **SIZES)
    np.testing.assert_array_equal(series.distance_m, both.step_m)


def test_adding_an_epoch_gives_what_all_at_once_gives(tmp_path):
    whole = m3c2_series(CLOUDS, against="both", **SIZES)
    path = tmp_path / "series.zarr"
    m3c2_series(CLOUDS[:3], against="both", **SIZES).to_zarr(path)
    m3c2_series(CLOUDS[3:4], append=path)
    same(m3c2_series(CLOUDS[4:], append=path), whole)
    same(m3c2_series(CLOUDS[3:], append=m3c2_series(CLOUDS[:3], against="both", **SIZES)), whole)
    again = xr.open_zarr(path, chunks=None)
    assert again.attrs["cylinder_radius_m"] == 0.5
    assert again.time.dtype == "datetime64[ns]"
    m3c2_series([epoch(9.5, 0.0, 3)], append=path)
    assert xr.open_zarr(path).time.values[-1] == np.datetime64("2026-03-10T12:00:00")


def test_an_interrupted_addition_leaves_the_series_as_it_was(tmp_path):
    path = tmp_path / "series.zarr"
    m3c2_series(CLOUDS[:3], **SIZES).to_zarr(path)
    group = zarr.open_group(path, mode="r+", use_consolidated=False)
    for name in ("distance_m", "n"):  # what a kill leaves: some arrays longer, the table of contents old
        group[name].resize((4, group[name].shape[1]))
    same(xr.open_zarr(path, chunks=None), m3c2_series(CLOUDS[:3], **SIZES))
    same(m3c2_series(CLOUDS[3:], append=path), m3c2_series(CLOUDS, **SIZES))


def test_netcdf_keeps_it(tmp_path):
    whole = m3c2_series(CLOUDS[:2], **SIZES)
    whole.to_netcdf(tmp_path / "series.nc", engine="scipy")
    with xr.open_dataset(tmp_path / "series.nc", engine="scipy") as back:
        for name in whole.data_vars:
            np.testing.assert_array_equal(back[name].values, whole[name].values)
        assert (back.time.values == whole.time.values).all()


def test_tiled_epochs_give_the_same(tmp_path):
    stores = [tile_scan(c, tmp_path / str(i), tile_points=900) for i, c in enumerate(CLOUDS[:3])]
    same(m3c2_series(stores, **SIZES), m3c2_series(CLOUDS[:3], **SIZES))


def test_bad_input_is_refused(tmp_path):
    with pytest.raises(ParameterError, match="not later than"):
        m3c2_series(CLOUDS[::-1], **SIZES)
    with pytest.raises(ParameterError, match="does not say when"):
        m3c2_series([sx.Scan(CLOUDS[0].xyz)], **SIZES)
    with pytest.raises(ParameterError, match="a size is missing"):
        m3c2_series(CLOUDS)
    with pytest.raises(ParameterError, match="against is 'last'"):
        m3c2_series(CLOUDS, against="last", **SIZES)
    with pytest.raises(CRSError, match="differs from the series"):
        m3c2_series([CLOUDS[0], CLOUDS[1].replace(crs="EPSG:4546")], **SIZES)
    with pytest.raises(FileFormatError, match="cannot be read as a Zarr store"):
        m3c2_series(CLOUDS, append=tmp_path / "nothing.zarr")
    with pytest.raises(FileFormatError, match="it lacks"):
        m3c2_series(CLOUDS, append=xr.Dataset({"a": ("time", [1])}))
