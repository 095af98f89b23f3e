"""Shape of goafs against voids whose figures are known."""

import manifold3d
import numpy as np
import pytest
from shapely import Point

from sxrisk.errors import GeometryError, ParameterError
from sxrisk.sites.goafs import GoafShape, VolumeInterval, goaf_sections, goaf_shape
from sxrisk.surfaces import Mesh, write_sections_dxf

ORIGIN = np.array([512_345.678, 4_123_456.789, 1_234.5])
Solid = manifold3d.Manifold


def box(length: float, width: float, height: float, at: tuple[float, float, float] = (0.0, 0.0, 0.0)) -> Solid:
    return Solid.cube((length, width, height), True).translate(at)


def mesh_of(solid: Solid, *, turned_deg: float = 0.0) -> Mesh:
    raw = solid.rotate((0.0, 0.0, turned_deg)).to_mesh64()
    xyz = np.asarray(raw.vert_properties)[:, :3] + ORIGIN
    return Mesh(xyz, np.asarray(raw.tri_verts).astype(np.int32), crs="EPSG:4547")


def rough(mesh: Mesh, sigma_m: float) -> Mesh:
    noise = np.random.default_rng(0).normal(0.0, sigma_m, mesh.vertices.shape)
    return Mesh(mesh.vertices + noise, mesh.faces, crs=mesh.crs)


TURNED = 33.0


def room() -> Solid:
    """40 x 20 x 5 m with a pillar of 4 x 4 m and one of 3 x 6 m."""
    return box(40, 20, 5) - box(4, 4, 9, (-8, 0, 0)) - box(3, 6, 9, (8, 0, 0))


@pytest.fixture(scope="module")
def shape() -> GoafShape:
    return goaf_shape(mesh_of(room(), turned_deg=TURNED), volume=VolumeInterval(3800.0, 3830.0, 3860.0))


def test_roof_and_floor_between_pillars(shape: GoafShape) -> None:
    assert (len(shape.roofs), len(shape.floors)) == (1, 1)
    for face in (shape.roofs[0], shape.floors[0]):
        assert face.area_m2 == pytest.approx(800 - 16 - 18, rel=1e-9)
        assert face.perimeter_m == pytest.approx(120 + 16 + 18, rel=1e-6)
        assert face.outer_perimeter_m == pytest.approx(120, rel=1e-6)
        assert face.hydraulic_radius_m == pytest.approx(766 / 154, rel=1e-6)
        assert face.dip_deg == pytest.approx(0.0, abs=1e-6)
        assert np.isnan(face.dip_direction_deg)
    assert shape.roofs[0].overhanging
    assert not shape.floors[0].overhanging


def test_walls_are_four_and_four_around_each_pillar(shape: GoafShape) -> None:
    outer = [face for face in shape.walls if not face.pillar_id]
    assert [face.area_m2 for face in outer] == pytest.approx([200, 200, 100, 100], rel=1e-9)
    assert [face.hydraulic_radius_m for face in outer] == pytest.approx([200 / 90] * 2 + [2.0] * 2, rel=1e-6)
    assert {round(face.dip_direction_deg) % 90 for face in outer} == {(90 - round(TURNED)) % 90}
    for name, areas in (("P1", [30, 30, 15, 15]), ("P2", [20] * 4)):
        assert sorted((f.area_m2 for f in shape.walls if f.pillar_id == name), reverse=True) == pytest.approx(areas)


def test_pillars(shape: GoafShape) -> None:
    first, second = shape.pillars.to_dict("records")
    assert (first["width_m"], first["length_m"], first["height_m"]) == pytest.approx((3, 6, 5), abs=1e-3)
    assert first["width_to_height"] == pytest.approx(0.6, abs=1e-3)
    assert (second["width_m"], second["length_m"], second["plan_area_m2"]) == pytest.approx((4, 4, 16), abs=4e-3)
    assert first["bearing_deg"] == pytest.approx(180 - TURNED, abs=1e-2)
    # A shift of the walls by sigma moves both sides of a pillar.
    assert first["width_sigma_m"] == pytest.approx(2 * 15.0 / shape.mesh.area_m2)


def test_plan_axes_and_maps(shape: GoafShape) -> None:
    assert shape.outline.area == pytest.approx(766, rel=1e-6)
    assert (shape.length_m, shape.width_m, shape.axis_deg) == pytest.approx((40, 20, 90 - TURNED), abs=0.02)
    inside = shape.height_m.values[np.isfinite(shape.height_m.values)]
    assert inside == pytest.approx(5.0, abs=1e-6)
    assert len(inside) * 0.25 == pytest.approx(766, rel=0.01)
    assert float(shape.roof_level_m.max()) == pytest.approx(ORIGIN[2] + 2.5, abs=1e-6)
    assert shape.height_m.rio.crs.to_epsg() == 4547


def test_largest_circle_and_span() -> None:
    plain = goaf_shape(mesh_of(box(30, 12, 4), turned_deg=17))
    roof = plain.roofs[0]
    assert roof.inscribed_radius_m == pytest.approx(6.0, abs=0.03)
    assert plain.span_m == pytest.approx(12.0, rel=2e-4)
    # Two roads of 5 m that cross: wider at the crossing than either, by the circle between the corners.
    cross = goaf_shape(mesh_of(box(40, 5, 4) + box(5, 40, 4), turned_deg=17))
    assert cross.roofs[0].inscribed_radius_m == pytest.approx(2.5 * np.sqrt(2), abs=0.03)
    assert np.hypot(*(cross.roofs[0].inscribed_centre[:2] - ORIGIN[:2])) < 0.1
    assert cross.span_m >= 2 * cross.roofs[0].inscribed_radius_m - 0.05


@pytest.mark.parametrize("dip", [12.0, 30.0])
def test_tilted_slab(dip: float) -> None:
    slab = box(30, 20, 4).rotate((0.0, dip, 0.0))  # its eastern side goes down
    roof = goaf_shape(mesh_of(slab, turned_deg=20)).roofs[0]
    assert roof.dip_deg == pytest.approx(dip, abs=1e-6)
    assert roof.dip_direction_deg == pytest.approx(90 - 20, abs=1e-6)
    assert roof.area_m2 == pytest.approx(600, rel=1e-9)
    assert roof.perimeter_m == pytest.approx(100, rel=1e-6)
    assert roof.hydraulic_radius_m == pytest.approx(6.0, rel=1e-6)


def test_ellipsoid() -> None:
    mesh = mesh_of(Solid.sphere(1.0, 160).scale((12.0, 9.0, 5.0)), turned_deg=40)
    shape = goaf_shape(mesh)
    # Roof is where the tangent plane is less steep than 45 degrees.
    assert shape.outline.area == pytest.approx(np.pi * 12 * 9, rel=2e-3)
    assert float(shape.height_m.max()) == pytest.approx(10.0, abs=0.02)
    assert len(shape.roofs) == len(shape.floors) == 1
    u = np.linspace(0, 1, 2001)[:-1] + 0.5 / 2000
    turn = np.linspace(0, 2 * np.pi, 721)[:-1]
    r, t = np.meshgrid(u, turn)
    x, y = 12 * r * np.cos(t), 9 * r * np.sin(t)
    z = 5 * np.sqrt(1 - r**2)
    steep = np.hypot(25 * x / (144 * z), 25 * y / (81 * z))
    area = (np.sqrt(1 + steep**2) * (steep < 1) * r).sum() * 12 * 9 / 2000 * 2 * np.pi / 720
    assert shape.roofs[0].area_m2 == pytest.approx(area, rel=0.03)
    walls = sum(face.area_m2 for face in shape.walls)
    assert walls + 2 * shape.roofs[0].area_m2 == pytest.approx(mesh.area_m2, rel=0.01)
    assert len(shape.walls) == 4


def test_measuring_noise_changes_little() -> None:
    mesh = rough(mesh_of(room().refine_to_length(0.4), turned_deg=TURNED), 0.01)
    shape = goaf_shape(mesh)
    roof = shape.roofs[0]
    assert roof.area_m2 == pytest.approx(766, rel=0.02)
    assert roof.hydraulic_radius_m == pytest.approx(766 / 154, rel=0.07)
    assert roof.dip_deg < 0.3
    assert [face.area_m2 for face in shape.walls if not face.pillar_id] == pytest.approx([200, 200, 100, 100], rel=0.04)
    assert shape.pillars["width_m"].tolist() == pytest.approx([3, 4], abs=0.05)
    assert shape.outline.area == pytest.approx(766, rel=0.006)


def test_same_wherever_it_lies() -> None:
    shape = goaf_shape(mesh_of(room(), turned_deg=TURNED))
    local = mesh_of(room(), turned_deg=TURNED)
    near = goaf_shape(Mesh(local.vertices - ORIGIN, local.faces))
    for one, two in zip(shape.faces, near.faces, strict=True):
        assert one.id == two.id
        assert one.area_m2 == pytest.approx(two.area_m2, rel=1e-7)
        assert one.span_m == pytest.approx(two.span_m, rel=1e-5)


def test_sections(shape: GoafShape, tmp_path: object) -> None:
    cuts = {cut.name: cut for cut in goaf_sections(shape, places=[shape.roofs[0].inscribed_centre])}
    assert list(cuts) == ["A", "B", "R1", "P1", "P2", "C1"]
    assert cuts["A"].length_m == pytest.approx(48, abs=0.1)
    # Along the axis both pillars are cut: three closed loops; across a pillar two.
    assert (len(cuts["A"].profiles), len(cuts["P1"].profiles)) == (3, 2)
    drawn = write_sections_dxf(list(cuts.values()), f"{tmp_path}/sections.dxf")
    assert drawn.stat().st_size > 1000


def test_table_of_faces(shape: GoafShape) -> None:
    table = shape.faces_table()
    assert {"face", "area_m2", "perimeter_m", "dip_deg", "hydraulic_radius_m", "pillar_id"} <= set(table.columns)
    assert table["face"].tolist()[:2] == ["roof-1", "wall-1"]
    assert shape.roofs[0].outline.contains(Point(shape.roofs[0].inscribed_centre[:2]))


def test_refusals() -> None:
    mesh = mesh_of(box(4, 4, 4))
    with pytest.raises(GeometryError, match=r"encloses no volume: it is open at 512345\.\d\d"):
        goaf_shape(Mesh(mesh.vertices, mesh.faces[1:], crs=mesh.crs))
    with pytest.raises(GeometryError, match="encloses no volume: its faces do not all look outward"):
        goaf_shape(Mesh(mesh.vertices, mesh.faces[:, ::-1], crs=mesh.crs))
    with pytest.raises(ParameterError, match="cell_m is 0"):
        goaf_shape(mesh, cell_m=0.0)
