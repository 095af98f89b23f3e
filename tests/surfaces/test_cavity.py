"""Cavities of known volume, scanned by rays from inside."""

import json
from pathlib import Path

import numpy as np
import pytest

import sxrisk as sx
from sxrisk.errors import CRSError, GeometryError, ParameterError, SxriskError
from sxrisk.surfaces._star import cell_of, star_solid

AT = np.array([512345.0, 4123456.0, 900.0])
PILLAR = ((9.0, 6.0, 0.0), (11.0, 8.0, 5.0))


def rays(n_elevation=180, n_azimuth=360, blind_below=-60.0):
    up, around = np.meshgrid(
        np.radians(np.linspace(blind_below, 90.0, n_elevation)),
        np.linspace(0.0, 2.0 * np.pi, n_azimuth, endpoint=False),
        indexing="ij",
    )
    return np.stack([np.cos(up) * np.cos(around), np.cos(up) * np.sin(around), np.sin(up)], axis=-1).reshape(-1, 3)


def ellipsoid(axes):
    def ranges(station, rays):
        p, d = station / axes, rays / axes
        a, b, c = (d * d).sum(axis=1), 2.0 * d @ p, p @ p - 1.0
        return (-b + np.sqrt(b * b - 4.0 * a * c)) / (2.0 * a)

    axes = np.asarray(axes, dtype=float)
    return ranges, 4.0 / 3.0 * np.pi * axes.prod()


def room(size, *pillars):
    def crossing(station, rays, low, high):
        with np.errstate(divide="ignore", invalid="ignore"):
            a, b = (np.asarray(low) - station) / rays, (np.asarray(high) - station) / rays
        return np.nanmax(np.minimum(a, b), axis=1), np.nanmin(np.maximum(a, b), axis=1)

    def ranges(station, rays):
        reach = crossing(station, rays, np.zeros(3), size)[1]
        for low, high in pillars:
            enter, leave = crossing(station, rays, low, high)
            reach = np.where((enter < leave) & (enter > 0), np.minimum(reach, enter), reach)
        return reach

    volume = np.prod(size) - sum(np.prod(np.subtract(high, low)) for low, high in pillars)
    return ranges, volume


def scan(ranges, station, *, seed=1, noise=0.006, shift=(0.0, 0.0, 0.0), directions=None, **more):
    rng = np.random.default_rng(seed)
    directions = rays() if directions is None else directions
    directions = directions[rng.random(len(directions)) > 0.01]
    station = np.asarray(station, dtype=float)
    reach = ranges(station, directions) + rng.normal(0.0, noise, len(directions))
    place = station + AT + np.asarray(shift)
    return sx.Scan(place + directions * reach[:, None], stations=[place], crs="EPSG:4547", **more)


def check(cavity, truth, error):
    assert cavity.volume_low_m3 <= truth <= cavity.volume_high_m3
    assert cavity.volume_low_m3 <= cavity.volume_m3 <= cavity.volume_high_m3
    assert cavity.volume_m3 == pytest.approx(truth, rel=error)
    assert cavity.mesh.is_watertight
    assert cavity.mesh.volume_m3 == pytest.approx(cavity.volume_m3, rel=1e-9)
    assert len(cavity.seen) == len(cavity.mesh.faces)
    assert set(np.unique(cavity.mesh.vertex_fields["seen"])) <= {0, 1}


def test_sphere_with_no_blind_spot():
    ranges, truth = ellipsoid([5.0, 5.0, 5.0])
    everywhere = np.random.default_rng(1).normal(size=(30_000, 3))
    everywhere /= np.linalg.norm(everywhere, axis=1)[:, None]
    cavity = sx.mesh_cavity(scan(ranges, [0.5, 0.0, -1.0], directions=everywhere), max_directions=8000)
    check(cavity, truth, 1e-4)
    assert cavity.seen_share > 0.97
    outward = np.einsum("ij,ij->i", cavity.mesh.vertex_normals, cavity.mesh.vertices - AT)
    assert (outward > 0).all()
    assert np.isnan(cavity.station_misfit_m)


@pytest.mark.parametrize("stations", [[[3.0, 1.0, -3.0]], [[-8.0, 1.0, -3.0], [8.0, -1.0, -3.0]]])
def test_ellipsoid(stations):
    ranges, truth = ellipsoid([20.0, 12.0, 6.0])
    cavity = sx.mesh_cavity([scan(ranges, s, seed=i) for i, s in enumerate(stations)], max_directions=8000)
    check(cavity, truth, 2e-3)


def test_joining_noisy_walls_adds_nothing():
    ranges, truth = ellipsoid([10.0, 8.0, 5.0])
    stations = [[-3.0, 0.0, 0.0], [3.0, 1.0, 0.0], [0.0, -3.0, 1.0]]
    everywhere = rays(blind_below=-90.0)
    scans = [scan(ranges, s, seed=i, noise=0.03, directions=everywhere) for i, s in enumerate(stations)]
    cavity = sx.mesh_cavity(scans, max_directions=8000)
    # The outer of three surfaces with 30 mm noise would be 25 mm too far out: 1 %.
    check(cavity, truth, 5e-4)
    assert set(np.unique(cavity.face_kind)) <= {0, 1, 2}
    assert (cavity.method, cavity.oriented_by, cavity.turned_share) == ("star_solids", "stations", 0.0)


def test_pillar_seen_from_two_sides_stays():
    ranges, truth = room((20.0, 14.0, 5.0), PILLAR)
    scans = [scan(ranges, s, seed=i) for i, s in enumerate([[4.0, 4.0, 1.5], [16.0, 10.0, 1.5]])]
    cavity = sx.mesh_cavity(scans, max_directions=8000)
    check(cavity, truth, 5e-3)
    assert 0.001 < cavity.station_misfit_m < 0.02
    # The union has a handle around the pillar: Euler characteristic 0.
    edges = len(cavity.mesh.faces) * 3 // 2
    assert len(cavity.mesh.vertices) - edges + len(cavity.mesh.faces) <= 0
    # Rock that was measured all round is not hidden void: the pillar's 20 m3 are not in the high end.
    assert cavity.volume_high_m3 - cavity.margin_m3 < truth + 10.0
    together = sx.Scan.merge(scans)
    assert sx.mesh_cavity(together, max_directions=8000).volume_m3 == pytest.approx(cavity.volume_m3, rel=1e-6)


def test_shadow_of_one_station_makes_the_interval_wide():
    ranges, truth = room((20.0, 14.0, 5.0), PILLAR)
    cavity = sx.mesh_cavity(scan(ranges, [4.0, 7.0, 1.5]), max_directions=8000)
    assert cavity.volume_m3 < 0.9 * truth  # nobody saw behind the pillar
    assert cavity.volume_low_m3 <= cavity.volume_m3 < truth <= cavity.volume_high_m3
    assert cavity.seen_share < 0.95
    assert cavity.mesh.is_watertight


def test_misplaced_station_shows_in_misfit_and_stays_in_the_interval():
    ranges, truth = room((20.0, 14.0, 5.0))
    stations = [[4.0, 7.0, 1.5], [16.0, 6.0, 1.5]]
    shifts = [(0.0, 0.0, 0.0), (0.03, 0.02, 0.02)]
    scans = [scan(ranges, s, seed=i, shift=shift) for i, (s, shift) in enumerate(zip(stations, shifts, strict=True))]
    cavity = sx.mesh_cavity(scans, max_directions=8000)
    check(cavity, truth, 5e-3)
    assert cavity.station_misfit_m > 0.015


def test_non_returns_are_bridged_and_not_in_the_low_volume():
    ranges, truth = ellipsoid([8.0, 6.0, 4.0])
    all_rays = rays(blind_below=-90.0)
    wet = all_rays @ [1.0, 0.0, 0.0] > 0.95
    cavity = sx.mesh_cavity(scan(ranges, [0.0, 0.0, -1.0], directions=all_rays[~wet]), max_directions=8000)
    cone = (1.0 - 0.95) / 2.0 * 4.0 / 3.0 * np.pi * 7.5**3
    assert cavity.volume_low_m3 < cavity.volume_m3 - 0.7 * cone
    assert cavity.volume_low_m3 <= truth <= cavity.volume_high_m3
    assert not cavity.seen.all()


def test_cells_are_nearly_equal():
    directions = np.random.default_rng(2).normal(size=(200_000, 3))
    directions /= np.linalg.norm(directions, axis=1)[:, None]
    count = np.bincount(cell_of(directions, 0.1))
    assert len(count) == pytest.approx(4 * np.pi / 0.1**2, rel=0.02)
    assert count.min() > 0.5 * count.mean()


def test_the_same_scans_give_the_same_mesh():
    ranges, _ = ellipsoid([8.0, 6.0, 4.0])
    scans = [scan(ranges, s, seed=i) for i, s in enumerate([[-2.0, 0.0, 0.0], [2.0, 0.0, 0.0]])]
    first, second = (sx.mesh_cavity(scans, max_directions=2000) for _ in range(2))
    np.testing.assert_array_equal(first.mesh.vertices, second.mesh.vertices)
    np.testing.assert_array_equal(first.mesh.faces, second.mesh.faces)
    assert "2 stations" in repr(first)


def test_sample_goaf_truth_lies_in_the_interval(sample: Path):
    truth = json.loads((sample / "scans" / "truth.json").read_text(encoding="utf-8"))["sites"]["goaf-01"]
    files = sorted((sample / "scans").glob("goaf-01_*.laz"))
    stations = truth["stations"]
    scans = [sx.read_scan(file).replace(stations=[place]) for file, place in zip(files, stations, strict=True)]
    cavity = sx.mesh_cavity(scans, max_directions=12_000)
    check(cavity, truth["volume_m3"], 5e-3)
    assert cavity.volume_high_m3 < truth["room_without_pillar_m3"]


RANGES, _ = ellipsoid([8.0, 6.0, 4.0])
GOOD = scan(RANGES, [0.0, 0.0, 0.0])


@pytest.mark.parametrize(
    ("scans", "changes", "error", "text"),
    [
        ([], {}, ParameterError, "at least one scan"),
        ([GOOD, sx.Scan(GOOD.xyz, crs=4547)], {}, ParameterError, "for all scans, or for none"),
        (GOOD.replace(stations=[[0, 0, 0], [1, 1, 1]]), {}, ParameterError, "which of the 2 stations saw them"),
        ([GOOD, GOOD.replace(crs=4546)], {}, CRSError, "differs from that of the first scan"),
        (GOOD.replace(stations=[AT + np.array([0.0, 0.0, 20.0])]), {}, GeometryError, "half of the sphere"),
        (sx.Scan(GOOD.xyz[:50], stations=GOOD.stations), {}, GeometryError, "50 points seen from the station"),
        (GOOD, {"max_directions": 10}, ParameterError, "max_directions is 10; expected at least 500"),
        (GOOD, {"max_gap_steps": 1.0}, ParameterError, "max_gap_steps is 1.0"),
        (GOOD, {"max_incidence_deg": 90.0}, ParameterError, "45 to below 90 degrees"),
    ],
)
def test_bad_input_is_refused_with_its_reason(scans, changes, error, text):
    with pytest.raises(SxriskError) as caught:
        sx.mesh_cavity(scans, **changes)
    assert caught.type is error
    assert text in str(caught.value)


def test_flat_wall_at_a_slant_keeps_its_place_when_averaged():
    station = np.zeros(3)
    ranges, _ = room((40.0, 40.0, 3.0))
    place = np.array([20.0, 20.0, 1.0])
    directions = rays(blind_below=-90.0)
    points = directions * ranges(place, directions)[:, None]
    solid = star_solid(points, station, max_directions=4000, max_gap_steps=3.0, max_incidence_deg=88.0, where="test")
    floor = solid.vertices[(solid.directions[:, 2] < -0.2) & (solid.directions[:, 2] > -0.9)]
    assert np.abs(floor[:, 2] + 1.0).max() < 1e-9
