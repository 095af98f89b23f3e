"""Overhanging faces: a niche in a wall and a whole ball, with known area and volume."""

import numpy as np
import pytest

from sxrisk.errors import GeometryError, ParameterError
from sxrisk.scans import Scan
from sxrisk.surfaces import distances_to_mesh, surface_mesh

ORIGIN = np.array([512000.0, 4123000.0, 1200.0])
RADIUS = 1.5


def niche(n: int = 40_000, noise: float = 0.005, gap: float = 0.0) -> Scan:
    """A wall of 6 x 6 m with half a ball hollowed out: its roof overhangs. Seen from 6 m in front."""
    rng = np.random.default_rng(1)
    wall = rng.uniform(-3, 3, (n, 2))
    wall = wall[np.hypot(*wall.T) > RADIUS]
    wall = wall[np.hypot(wall[:, 0] - 2.2, wall[:, 1] - 2.2) > gap]
    hollow = rng.normal(size=(int(n * 2 * np.pi * RADIUS**2 / 36), 3))
    hollow /= np.linalg.norm(hollow, axis=1)[:, None]
    hollow[:, 0] = np.abs(hollow[:, 0])
    points = np.concatenate([np.column_stack([np.zeros(len(wall)), wall]), RADIUS * hollow])
    points += rng.normal(0, noise, points.shape)
    return Scan(points + ORIGIN, stations=[ORIGIN - np.array([6, 0, 0])], crs=4547)


@pytest.mark.parametrize(("method", "share"), [("poisson", 0.01), ("ball_pivoting", 0.04)])
def test_niche(method: str, share: float) -> None:
    scan = niche()
    mesh = surface_mesh(scan, method=method, spacing_m=0.06)
    local = mesh.vertices - ORIGIN
    a, b, c = (local[mesh.faces[:, k]] for k in range(3))
    normals = np.cross(b - a, c - a) / 2
    hollow = -(normals[:, 0] * (a + b + c)[:, 0] / 3).sum()
    assert hollow == pytest.approx(2 / 3 * np.pi * RADIUS**3, rel=share)
    assert mesh.area_m2 == pytest.approx(36 + np.pi * RADIUS**2, rel=0.04)
    assert (normals[:, 0] < 0).mean() > 0.95  # faces look at the scanner
    assert np.percentile(distances_to_mesh(scan.xyz, mesh), 95) < 0.012
    # Nothing is invented past the outermost points.
    assert np.abs(local[:, 1:]).max() < 3.0 + 0.06 + 0.02
    assert mesh.vertex_fields["seen"].all()
    assert mesh.crs.to_epsg() == 4547


def test_gaps_are_closed_or_left_as_stated() -> None:
    scan = niche(gap=0.4)
    middle = np.array([0.0, 2.2, 2.2])
    closed = surface_mesh(scan, spacing_m=0.06, max_gap_m=1.2)
    inside = np.linalg.norm(closed.vertices - ORIGIN - middle, axis=1) < 0.25
    assert inside.any()
    assert not closed.vertex_fields["seen"][inside].any()
    opened = surface_mesh(scan, spacing_m=0.06, max_gap_m=0.3)
    assert np.linalg.norm(opened.vertices - ORIGIN - middle, axis=1).min() > 0.3


def test_ball_seen_from_outside_is_closed_and_repeats() -> None:
    turn = np.random.default_rng(0).normal(size=(20_000, 3))
    points = 2.0 * turn / np.linalg.norm(turn, axis=1)[:, None]
    scan = Scan(points + ORIGIN)
    mesh = surface_mesh(scan, normals=points, max_gap_m=np.inf)
    assert mesh.is_watertight
    assert mesh.volume_m3 == pytest.approx(4 / 3 * np.pi * 8, rel=0.005)
    again = surface_mesh(scan, normals=points, max_gap_m=np.inf)
    assert np.array_equal(mesh.vertices, again.vertices)
    inward = surface_mesh(scan, towards=ORIGIN, spacing_m=0.1)
    assert inward.volume_m3 == pytest.approx(-4 / 3 * np.pi * 8, rel=0.01)


def test_refusals() -> None:
    scan = niche(n=500)
    with pytest.raises(ParameterError, match="which side of the surface is in front"):
        surface_mesh(Scan(scan.xyz))
    with pytest.raises(ParameterError, match="poisson, ball_pivoting"):
        surface_mesh(scan, method="alpha")
    with pytest.raises(ParameterError, match="spacing_m"):
        surface_mesh(scan, spacing_m=0.0)
    with pytest.raises(GeometryError, match="at least 50"):
        surface_mesh(scan.select(np.arange(10)))
    with pytest.raises(ParameterError, match="normals of shape"):
        surface_mesh(scan, normals=np.ones((3, 3)))
