"""Slope, aspect, curvature, hillshade and contours on surfaces whose derivatives are known."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import rioxarray  # noqa: F401  registers the accessor
import xarray as xr
from shapely import box

from sxrisk.errors import GeometryError, ParameterError
from sxrisk.surfaces import aspect, contours, curvature, hillshade, slope

X0, Y0 = 512000.0, 4123000.0


def surface(function: Callable[..., np.ndarray], n: int = 41, cell: float = 0.5) -> xr.DataArray:
    steps = (np.arange(n) + 0.5) * cell
    x, y = np.meshgrid(steps, steps[::-1])
    coords = {"y": Y0 + steps[::-1], "x": X0 + steps}
    return xr.DataArray(function(x, y) + 1200.0, coords=coords, dims=("y", "x")).rio.write_crs(4547)


@pytest.mark.parametrize(("east", "north"), [(0.3, 0.0), (0.0, -0.7), (1.0, 1.0), (-0.2, 0.5)])
def test_plane(east: float, north: float) -> None:
    dem = surface(lambda x, y: east * x + north * y)
    inner = np.s_[1:-1, 1:-1]
    assert slope(dem).values[inner] == pytest.approx(np.degrees(np.arctan(np.hypot(east, north))), abs=1e-9)
    falls = np.degrees(np.arctan2(-east, -north)) % 360
    assert aspect(dem).values[inner] == pytest.approx(falls, abs=1e-9)
    assert np.abs(curvature(dem).to_array().values[:, 1:-1, 1:-1]).max() < 1e-9
    light = hillshade(dem, 120.0, 35.0).values[inner]
    normal = np.array([-east, -north, 1.0]) / np.sqrt(1 + east**2 + north**2)
    lamp = [np.sin(np.radians(120)) * np.cos(np.radians(35)), np.cos(np.radians(120)) * np.cos(np.radians(35)),
            np.sin(np.radians(35))]  # fmt: skip
    assert light == pytest.approx(max(normal @ lamp, 0.0), abs=1e-9)


def test_quadric_has_its_curvatures() -> None:
    a, b, c = 0.02, -0.01, 0.005
    dem = surface(lambda x, y: a * (x - 10) ** 2 + b * (y - 10) ** 2 + c * (x - 10) * (y - 10))
    x, y = np.meshgrid(dem.x - X0 - 10, dem.y - Y0 - 10)
    p, q, r, t, s = 2 * a * x + c * y, 2 * b * y + c * x, 2 * a, 2 * b, c
    with np.errstate(invalid="ignore"):
        along = -(r * p**2 + 2 * s * p * q + t * q**2) / (p**2 + q**2)
        across = -(r * q**2 - 2 * s * p * q + t * p**2) / (p**2 + q**2)
    found = curvature(dem)
    inner = np.s_[1:-1, 1:-1]
    steep = np.hypot(p, q)[inner] > 1e-6
    assert found["profile"].values[inner][steep] == pytest.approx(along[inner][steep], abs=1e-8)
    assert found["plan"].values[inner][steep] == pytest.approx(across[inner][steep], abs=1e-8)
    assert found["total"].values[inner] == pytest.approx(-(r + t), abs=1e-8)
    # Horn's slope of a quadric is exact too: its differences are central.
    assert slope(dem).values[inner] == pytest.approx(np.degrees(np.arctan(np.hypot(p, q)))[inner], abs=1e-8)


def test_rows_from_the_south_give_the_same() -> None:
    dem = surface(lambda x, y: 0.1 * x + 0.02 * y**2)
    turned = dem.isel(y=slice(None, None, -1))
    for function in (slope, aspect, hillshade, lambda d: curvature(d)["profile"]):
        assert np.allclose(function(turned).values[::-1], function(dem).values, equal_nan=True)
    assert contours(turned, 0.5).length.sum() == pytest.approx(contours(dem, 0.5).length.sum())


def test_unknown_cells_stay_unknown() -> None:
    dem = surface(lambda x, y: x)
    dem[20, 20] = np.nan
    for function in (slope, aspect, hillshade, lambda d: curvature(d)["total"]):
        empty = np.isnan(function(dem).values)
        assert empty[19:22, 19:22].all()
        assert empty[1:-1, 1:-1].sum() == 9
        assert empty[0].all()
    level = aspect(surface(lambda x, y: 0 * x))
    assert np.isnan(level.values).all()


def test_contours_of_a_cone_are_circles() -> None:
    dem = surface(lambda x, y: 10 - np.hypot(x - 10, y - 10), n=401, cell=0.05)
    lines = contours(dem, 1.0)
    assert lines.crs.to_epsg() == 4547
    closed = lines[lines["elevation_m"] > 1200.5]
    assert closed["elevation_m"].tolist() == [1201.0 + k for k in range(9)]
    assert closed["length_m"].to_numpy() == pytest.approx(2 * np.pi * np.arange(9, 0, -1), rel=2e-3)
    assert all(
        line.has_z and line.coords[0][2] == z for line, z in zip(lines.geometry, lines["elevation_m"], strict=True)
    )
    assert lines.loc[lines["index_line"], "elevation_m"].unique().tolist() == [1200.0, 1205.0]


def test_contours_end_at_holes(tmp_path: Path) -> None:
    import geopandas as gpd

    dem = surface(lambda x, y: x)
    dem[10:30, 10:30] = np.nan
    lines = contours(dem, 1.0, base_m=0.25)
    hole = (X0 + 5.0, Y0 + 6.0, X0 + 14.0, Y0 + 15.0)
    assert len(lines) > 20
    assert lines.intersection(box(*hole)).length.sum() < 1e-9
    lines.to_file(tmp_path / "contours.gpkg")
    back = gpd.read_file(tmp_path / "contours.gpkg")
    assert back.geometry.has_z.all()
    assert len(back) == len(lines)


def test_refusals() -> None:
    dem = surface(lambda x, y: x)
    with pytest.raises(ParameterError, match=r"an interval of 0\.0 m"):
        contours(dem, 0.0)
    with pytest.raises(ParameterError, match="at most 10000"):
        contours(dem, 1e-4)
    with pytest.raises(GeometryError, match="no cell of the grid has a height"):
        contours(dem * np.nan, 1.0)
    with pytest.raises(ParameterError, match="an altitude of 0 to 90"):
        hillshade(dem, altitude_deg=91.0)
    with pytest.raises(GeometryError, match="at least three cells each way"):
        slope(dem[:2])
    with pytest.raises(GeometryError, match="square cells"):
        slope(dem[:, ::2])
