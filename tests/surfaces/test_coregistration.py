"""Co-registration: known shifts and tilts come back, moved ground does not pull, and a real pair gives its answer."""

from pathlib import Path

import numpy as np
import pytest
import rioxarray  # noqa: F401  registers the accessor
import xarray as xr

from sxrisk.errors import CRSError, GeometryError, ParameterError
from sxrisk.surfaces import coregister

X0, Y0, CELL = 512000.0, 4123000.0, 2.0


def height(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    return (
        30 * np.sin(x / 45) * np.cos(y / 60)
        + 12 * np.sin((x + y) / 23)
        + 6 * np.cos((x - 2 * y) / 17)
        + 0.05 * x
        + 1200
    )


def grid(east: float = 0.0, north: float = 0.0, up: float = 0.0, n: int = 150, cell: float = CELL) -> xr.DataArray:
    """The same ground, lying `east`, `north` and `up` of where it is."""
    steps = (np.arange(n) + 0.5) * cell
    x, y = np.meshgrid(steps, steps[::-1])
    coords = {"y": Y0 + steps[::-1], "x": X0 + steps}
    return xr.DataArray(height(x - east, y - north) + up, coords=coords, dims=("y", "x")).rio.write_crs(4547)


@pytest.mark.parametrize("shift", [(0.7, -1.3, 2.0), (0.02, 0.01, 0.0), (-6.4, 9.1, -15.0)])
def test_shift_is_found_to_a_hundredth_of_a_cell(shift: tuple[float, float, float]) -> None:
    found = coregister(grid(*shift), grid())
    assert found.converged
    assert (found.east_m, found.north_m) == pytest.approx((-shift[0], -shift[1]), abs=0.002 * CELL)
    assert found.up_m == pytest.approx(-shift[2], abs=0.002)
    assert found.nmad_after_m < 0.005
    moved = found.apply(grid(*shift), grid())
    assert float(np.abs(moved - grid()).max()) < 0.05


def test_noise_holes_tilt_and_other_cells() -> None:
    rng = np.random.default_rng(1)
    dem = grid(1.1, -0.6, 3.0, n=200, cell=1.6)
    tilt = 0.002 * (dem.x - dem.x.mean()) - 0.001 * (dem.y - dem.y.mean())
    dem = dem + tilt.transpose("y", "x") + rng.normal(0, 0.3, dem.shape)
    dem = dem.where(rng.random(dem.shape) > 0.002).rio.write_crs(4547)
    found = coregister(dem, grid(), tilt=True)
    assert (found.east_m, found.north_m) == pytest.approx((-1.1, 0.6), abs=0.02)
    assert (found.tilt_east, found.tilt_north) == pytest.approx((-0.002, 0.001), abs=5e-5)
    assert found.sigma_m[0] < 0.02
    assert abs(found.east_m + 1.1) < 5 * found.sigma_m[0]
    assert found.nmad_after_m == pytest.approx(0.3, rel=0.15)
    assert found.nmad_before_m > 3 * found.nmad_after_m


def test_moved_ground_does_not_pull() -> None:
    dem = grid(0.8, 0.5, 1.0)
    dem[30:70, 30:80] -= 12.0
    whole = coregister(dem, grid())
    assert (whole.east_m, whole.north_m, whole.up_m) == pytest.approx((-0.8, -0.5, -1.0), abs=0.02)
    still = np.ones(dem.shape, dtype=bool)
    still[28:72, 28:82] = False
    masked = coregister(dem, grid(), stable=still)
    assert (masked.east_m, masked.north_m, masked.up_m) == pytest.approx((-0.8, -0.5, -1.0), abs=0.005)
    assert masked.n_cells < whole.n_cells


def test_srtm_pair_of_demcompare(shared_data: Path) -> None:
    """The second lies three columns west and five rows south of the first: it has as many fewer, and is blurred."""
    from rioxarray import open_rasterio

    pair = []
    for name in ("srtm_ref.tif", "srtm_blurred_and_shifted.tif"):
        raw = open_rasterio(shared_data / "dem/demcompare" / name).squeeze(drop=True)
        part = raw[300:700, 300:700].astype("float64")
        pair.append(part.where(part > -9999))
    # Degrees to metres with one scale each way: the answer is in cells.
    scale = {"x": 111_320 * np.cos(np.radians(float(pair[0].y.mean()))), "y": 111_320.0}
    middle = {axis: float(pair[0][axis].mean()) for axis in scale}
    local = [
        xr.DataArray(p.values, {a: (p[a].values - middle[a]) * scale[a] for a in ("y", "x")}, ("y", "x")) for p in pair
    ]
    found = coregister(local[1], local[0])
    steps = [abs(float(local[0][axis][1] - local[0][axis][0])) for axis in ("x", "y")]
    assert (found.east_m / steps[0], found.north_m / steps[1]) == pytest.approx((3.0, -5.0), abs=0.02)
    assert found.nmad_after_m < 0.1 * found.nmad_before_m


def test_refusals() -> None:
    with pytest.raises(CRSError, match="one coordinate system"):
        coregister(grid().rio.write_crs(4546), grid())
    with pytest.raises(CRSError, match="in degrees"):
        coregister(grid().rio.write_crs(4490), grid().rio.write_crs(4490))
    with pytest.raises(GeometryError, match="too level"):
        coregister(grid() * 0 + 5.0, grid() * 0 + 4.0)
    with pytest.raises(GeometryError, match="cells of usable ground in common"):
        coregister(grid().assign_coords(x=grid().x + 5000), grid())
    with pytest.raises(ParameterError, match="a mask of shape"):
        coregister(grid(), grid(), stable=np.ones((2, 2), dtype=bool))
