"""Double walls: a known misregistration is found and measured, roughness is not taken for one."""

import numpy as np
import pytest

from sxrisk.errors import ParameterError
from sxrisk.scans import Scan, double_walls
from tests.scans.cleaning_scenes import ORIGIN, room
from tests.scans.cut_scan import CutScan

STATIONS = np.array([[-2.0, -1.0, 0.0], [3.0, -1.5, 0.3]])


def two_stations(shift: tuple[float, float, float]) -> Scan:
    first, second = room(STATIONS[0], 1)[0], room(STATIONS[1], 2)[0] + shift
    index = np.repeat([0, 1], [len(first), len(second)])
    return Scan(
        np.vstack([first, second]) + ORIGIN, crs="EPSG:4547", stations=STATIONS + ORIGIN,
        attributes={"station_index": index},
    )  # fmt: skip


def test_a_misregistration_of_30_mm_is_found_and_measured() -> None:
    scan = two_stations((0.024, 0.018, 0.0))
    found = double_walls(scan)
    pair = found.pairs.iloc[0]
    assert (pair["station_a"], pair["station_b"]) == (0, 1)
    shift = pair[["shift_east_m", "shift_north_m", "shift_up_m"]].to_numpy(float)
    assert shift == pytest.approx([0.024, 0.018, 0.0], abs=0.001)
    assert pair["shift_m"] == pytest.approx(0.030, abs=0.001)
    assert 0.3 < found.share < 0.8  # floor and ceiling slide in themselves: they show nothing
    assert 0.015 < pair["median_offset_m"] < 0.027
    assert (found.places.geometry.z.between(*(ORIGIN[2] + [-2.6, 2.6]))).all()
    assert found.places.crs == scan.crs
    level = found.places[found.places["normal_up"].abs() > 0.9]
    assert len(level) < 0.01 * len(found.places)
    cut = double_walls(CutScan(scan, 4, 3))
    assert cut.places.equals(found.places)
    assert cut.pairs.equals(found.pairs)


def test_no_alarm_on_well_registered_or_rough_single_sheets() -> None:
    assert double_walls(two_stations((0.0, 0.0, 0.0))).share == 0.0
    sheets = []
    for seed in (1, 2):
        rng = np.random.default_rng(seed)
        x, y = rng.uniform(0, 20, (2, 60_000))
        z = 0.03 * np.sin(9 * x) * np.cos(7 * y) + 0.02 * np.sin(31 * x + 17 * y) + rng.normal(0, 0.006, len(x))
        sheets.append(np.column_stack([x, y, z]))
    index = np.repeat([0, 1], 60_000)
    rough = Scan(np.vstack(sheets), stations=[[10, 0, 5], [0, 10, 5]], attributes={"station_index": index})
    found = double_walls(rough)
    assert found.pairs["shared_cells"].sum() > 500
    assert found.share < 0.001


def test_a_thin_wall_seen_from_both_sides_is_no_double_wall() -> None:
    u, v = np.meshgrid(np.arange(0.05, 4, 0.08), np.arange(0.05, 4, 0.08))
    side = np.column_stack([np.full(u.size, 0.2), u.ravel(), v.ravel()])
    both, index = np.vstack([side, side + np.array([0.04, 0, 0])]), {"station_index": np.repeat([0, 1], len(side))}
    assert np.isnan(double_walls(Scan(both, stations=[[-5, 2, 2], [5, 2, 2]], attributes=index)).share)
    assert double_walls(Scan(both, stations=[[5, 1, 2], [5, 3, 2]], attributes=index)).share == 1.0


def test_bad_arguments_have_clear_errors() -> None:
    with pytest.raises(ParameterError, match="expected the attribute station_index"):
        double_walls(Scan(np.zeros((3, 3))))
    with pytest.raises(ParameterError, match=r"min_points 2.*expected cell_m > 0, min_points >= 6"):
        double_walls(Scan(np.zeros((3, 3))), min_points=2)
