"""What is around a goaf: distances, crown pillars, water, overlap; against closed forms."""

import manifold3d
import numpy as np
import pytest
import rioxarray  # noqa: F401  registers the accessor
import xarray as xr
from shapely import LineString, Point, Polygon

from sxrisk.errors import CRSError, GeometryError, ParameterError
from sxrisk.sites.goafs import (
    Neighbour,
    VolumeInterval,
    crown_pillar,
    flooded_part,
    gap_between,
    gaps_to_neighbours,
    goaf_shape,
    plan_overlap,
    volume_below,
)  # fmt: skip
from sxrisk.surfaces import Mesh

ORIGIN = np.array([512_345.678, 4_123_456.789, 1_234.5])
Solid = manifold3d.Manifold


def box(length: float, width: float, height: float, at: tuple[float, float, float] = (0.0, 0.0, 0.0)) -> Solid:
    return Solid.cube((length, width, height), True).translate(at)


def mesh_of(solid: Solid, *, turned_deg: float = 0.0) -> Mesh:
    raw = solid.rotate((0.0, 0.0, turned_deg)).to_mesh64()
    xyz = np.asarray(raw.vert_properties)[:, :3] + ORIGIN
    return Mesh(xyz, np.asarray(raw.tri_verts).astype(np.int32), crs="EPSG:4547")


def line(*points: tuple[float, float, float]) -> LineString:
    return LineString(np.asarray(points) + ORIGIN)


def dem(slope: float, level: float) -> xr.DataArray:
    """Ground that rises by `slope` to the east, `level` above the origin."""
    x = ORIGIN[0] + np.arange(-60.0, 61.0, 2.0)
    y = ORIGIN[1] + np.arange(60.0, -61.0, -2.0)
    z = np.tile(ORIGIN[2] + level + slope * (x - ORIGIN[0]), (len(y), 1))
    return xr.DataArray(z, {"y": y, "x": x}, ("y", "x"), attrs={"vertical_crs": "EPSG:5737"}).rio.write_crs("EPSG:4547")


def test_balls_and_boxes() -> None:
    ball, block = Solid.sphere(5.0, 200), box(4, 4, 4, (20, 0, 0))
    assert gap_between(mesh_of(ball), mesh_of(block)).distance_m == pytest.approx(13.0, abs=2e-3)
    turned = box(4, 4, 4).rotate((0, 45, 0)).translate((20, 0, 0))
    gap = gap_between(mesh_of(box(4, 4, 4), turned_deg=30), mesh_of(turned, turned_deg=30))
    assert gap.distance_m == pytest.approx(20 - 2 - 2 * np.sqrt(2), abs=1e-8)
    assert np.linalg.norm(gap.places[1] - gap.places[0]) == pytest.approx(gap.distance_m, abs=1e-8)


@pytest.mark.parametrize("seed", range(4))
def test_agrees_with_every_pair_of_points(seed: int) -> None:
    rng = np.random.default_rng(seed)
    one, two = (
        box(*rng.uniform(1, 4, 3)).rotate(tuple(rng.uniform(0, 360, 3))).translate(tuple(shift))
        for shift in (np.zeros(3), rng.uniform(4, 7, 3))
    )
    exact = gap_between(mesh_of(one), mesh_of(two)).distance_m
    dense = [mesh_of(solid.refine_to_length(0.06)).vertices for solid in (one, two)]
    apart = np.sqrt(((dense[0][:, None] - dense[1][None]) ** 2).sum(-1).min()) if len(dense[0]) < 4000 else None
    if apart is None:
        from scipy.spatial import cKDTree

        apart = float(cKDTree(dense[0] - ORIGIN).query(dense[1] - ORIGIN)[0].min())
    assert exact <= apart + 1e-9
    assert exact == pytest.approx(apart, abs=0.01)


def test_lines_points_areas_and_what_lies_inside() -> None:
    mesh = mesh_of(box(20, 10, 4))
    assert gap_between(mesh, line((-50, 0, 12), (50, 0, 12))).distance_m == pytest.approx(10.0, abs=1e-9)
    assert gap_between(mesh, line((13, 9, -30), (13, 9, 40))).distance_m == pytest.approx(5.0, abs=1e-9)
    corner = Point(ORIGIN[0] + 12, ORIGIN[1] + 7, ORIGIN[2] + 3)
    assert gap_between(mesh, corner).distance_m == pytest.approx(3.0, abs=1e-9)
    roof = Polygon(np.array([(-50, -50, 8), (50, -50, 8), (50, 50, 9), (-50, 50, 9)]) + ORIGIN)
    assert 5.9 < gap_between(mesh, roof).distance_m < 6.5
    assert gap_between(mesh, line((-50, 1, 0), (50, 1, 0))).distance_m == 0.0
    assert gap_between(mesh, line((-1, 0, 0), (1, 0, 0))).distance_m == 0.0
    with pytest.raises(GeometryError, match="the LineString has no heights"):
        gap_between(mesh, LineString([(0, 0), (1, 1)]))


def test_many_parallel_triangles_are_fast() -> None:
    one, two = (mesh_of(box(60, 40, 5, (0, 0, z)).refine(60)) for z in (0.0, 15.0))
    assert len(one.faces) > 40_000
    assert gap_between(one, two).distance_m == pytest.approx(10.0, abs=1e-9)


def test_neighbours_and_barrier_to_water() -> None:
    mesh = mesh_of(box(20, 10, 4))
    # Old workings beside: a cone whose top is nearer than its flooded part.
    old = mesh_of(box(10, 10, 10, (25, 0, 0)) + box(4, 10, 2, (18, 0, 4)))
    around = [
        Neighbour("T1", "tunnel", line((-30, 12, 0), (30, 12, 0)), radius_m=2.0, sigma_m=0.03),
        Neighbour("S1", "shaft", line((13, 9, -50), (13, 9, 50)), radius_m=1.5),
        Neighbour("G2", "goaf", old),
        Neighbour("W2", "water", old, water_level_m=ORIGIN[2] + 1.0),
    ]
    table = gaps_to_neighbours(mesh, around, sigma_m=0.04).set_index("id")
    assert table.loc["T1", "distance_m"] == pytest.approx(12 - 5 - 2, abs=1e-9)
    assert table.loc["T1", "sigma_m"] == pytest.approx(0.05)
    assert table.loc["S1", "distance_m"] == pytest.approx(5 - 1.5, abs=1e-9)
    assert table.loc["G2", "distance_m"] == pytest.approx(np.hypot(6, 1), abs=1e-9)
    # Below the water level only the block stands, farther away.
    assert table.loc["W2", "distance_m"] == pytest.approx(10.0, abs=1e-9)
    with pytest.raises(GeometryError, match="a level inside the flooded goaf"):
        flooded_part(old, ORIGIN[2] - 50.0)
    with pytest.raises(ParameterError, match="the kind is 'lake'"):
        Neighbour("L", "lake", old)


def test_volume_below_water() -> None:
    slab = mesh_of(box(20, 10, 4).rotate((0, 20, 0)), turned_deg=25)
    middle = volume_below(slab, ORIGIN[2])
    assert middle.volume_m3 == pytest.approx(400.0, rel=1e-9)  # by symmetry
    block = volume_below(mesh_of(box(20, 10, 4)), ORIGIN[2] + 0.5, level_sigma_m=0.1, wall_sigma_m=0.01)
    assert (block.volume_m3, block.surface_m2, block.depth_m) == pytest.approx((500.0, 200.0, 2.5))
    assert block.sigma_m3 == pytest.approx(np.hypot(20.0, 0.01 * (200 + 60 * 2.5)))
    assert volume_below(mesh_of(box(20, 10, 4)), ORIGIN[2] - 9).volume_m3 == 0.0


def test_crown_pillar_to_the_ground() -> None:
    shape = goaf_shape(mesh_of(box(20, 10, 4)), volume=VolumeInterval(780, 800, 820), vertical_crs="EPSG:5737")
    crown = crown_pillar(shape, dem(0.1, 40.0), above_sigma_m=0.3)
    assert crown.minimum_m == pytest.approx(40 - 2 - 1.0, abs=1e-6)
    assert crown.place[0] == pytest.approx(ORIGIN[0] - 10.0, abs=1e-6)
    assert crown.ratio == pytest.approx(3.7, rel=1e-3)
    assert crown.sigma_m == pytest.approx(np.hypot(shape.sigma_m, 0.3))
    thick = crown.thickness_m.values[np.isfinite(crown.thickness_m.values)]
    assert (thick.min(), thick.max()) == pytest.approx((37.0, 39.0), abs=0.06)
    assert crown.covered_share == 1.0


def test_heights_of_different_systems_are_not_subtracted() -> None:
    shape = goaf_shape(mesh_of(box(20, 10, 4)), vertical_crs="EPSG:5737")
    with pytest.raises(CRSError, match="height systems of goaf and elevation model are unknown or differ"):
        crown_pillar(shape, dem(0.0, 40.0).assign_attrs(vertical_crs="EPSG:3855"))
    offset = crown_pillar(shape, dem(0.0, 40.0).assign_attrs(vertical_crs="EPSG:3855"), height_offset_m=-1.5)
    assert offset.minimum_m == pytest.approx(36.5, abs=1e-6)


def test_crown_and_overlap_between_two_levels() -> None:
    lower = goaf_shape(mesh_of(box(20, 10, 4), turned_deg=20), sigma_m=0.05)
    upper_mesh = mesh_of(box(20, 10, 4, (8, 2, 15)).rotate((0, 0, 0)), turned_deg=20)
    crown = crown_pillar(lower, upper_mesh, name="level 2")
    assert (crown.minimum_m, crown.above) == (pytest.approx(11.0, abs=1e-6), "level 2")
    area, sigma = plan_overlap(lower, goaf_shape(upper_mesh, sigma_m=0.05))
    assert area == pytest.approx(12 * 8, rel=1e-6)
    assert sigma == pytest.approx(0.05 * 40, rel=1e-6)
    assert crown.covered_share == pytest.approx(96 / 200, abs=0.02)
    with pytest.raises(GeometryError, match="nothing of the roof lies under"):
        crown_pillar(lower, mesh_of(box(4, 4, 4, (0, 0, -30))), name="below")
