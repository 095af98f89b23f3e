"""Stations of one epoch: loops close, stations apart are named."""

from collections.abc import Callable

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from sxrisk.errors import GeometryError, ParameterError
from sxrisk.scans import Scan, register_stations
from tests.scans.registration_scenes import (
    ORIGIN,
    displaced,
    motion,
    quarry_floor,
    quarry_station,
    room_station,
    scan,
)

Array = np.ndarray
QUARRY = np.array([[-10.0, -7, 0], [9, -7, 0], [8, 7, 0], [-8, 6, 0]])
QUARRY[:, 2] = quarry_floor(QUARRY[:, 0], QUARRY[:, 1]) + 1.8
ROOM = np.array([[-10.0, 0, -2], [8, 4, -3], [0, -6, 0], [12, -2, 1]])


def placed_badly(see: Callable[[int, Array], Array], eyes: Array) -> tuple[list[Scan], list[Array]]:
    """Scans half a metre and two degrees off, all but the first, and the motions that did it."""
    rng = np.random.default_rng(5)
    scans, made = [], []
    for number, eye in enumerate(eyes):
        off = number > 0
        matrix = motion(off * rng.normal(0, np.radians(2) / np.sqrt(3), 3), off * rng.normal(0, 0.5 / np.sqrt(3), 3))
        points, station = displaced(see(100 + number, eye), matrix), displaced(eye[None], matrix) + ORIGIN
        scans.append(scan(points, stations=station, source=f"station {number}"))
        made.append(matrix)
    return scans, made


@pytest.mark.parametrize(("see", "eyes"), [(quarry_station, QUARRY), (room_station, ROOM)], ids=["pit", "cavity"])
def test_four_stations_are_recovered(see: Callable[[int, Array], Array], eyes: Array) -> None:
    scans, made = placed_badly(see, eyes)
    network = register_stations(scans, max_points=12_000)
    assert len(network.edges) == 6
    assert len(network.loops) == 4
    assert network.loops["shift_m"].max() < 2e-3
    assert (network.edges["misclosure_m"] < 2e-3).all()
    assert (network.sigma_m < 1e-3).all()
    for number, (matrix, points) in enumerate(zip(network.apply(scans), scans, strict=True)):
        back = displaced(points.xyz - ORIGIN, np.linalg.inv(made[number]))
        left = matrix.xyz - ORIGIN - back
        assert np.sqrt((left**2).sum(axis=1).mean()) < 1e-3
        turn = network.matrices[number][:3, :3] @ made[number][:3, :3]
        assert Rotation.from_matrix(turn).magnitude() < 1e-4
        assert matrix.registration_sigma_m == pytest.approx(network.sigma_m[number])
    assert "4 stations" in repr(network)


def test_station_elsewhere_is_named() -> None:
    scans, _ = placed_badly(room_station, ROOM[:2])
    away = scan(quarry_station(7, QUARRY[0], 6000) + np.array([300.0, 0, 0]), source="far pit")
    with pytest.raises(GeometryError, match=r"1 of 3 stations hang together with no other.*2: far pit"):
        register_stations([*scans, away], coarse=False, max_points=2000)
    with pytest.raises(ParameterError, match="two or more"):
        register_stations(scans[:1])
