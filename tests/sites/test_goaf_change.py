"""Change inside a cavity: a block that fell, a notch in a wall, walls that close; each of known size."""

import json
from datetime import UTC, datetime
from pathlib import Path

import manifold3d
import numpy as np
import pyproj
import pytest

from sxrisk.change import M3C2Result
from sxrisk.errors import ParameterError
from sxrisk.findings import measurements_frame
from sxrisk.scans import Scan
from sxrisk.scans._open3d import load_open3d
from sxrisk.sites import SiteResult, check_parameters
from sxrisk.sites._common import Rows
from sxrisk.sites.goafs import GoafChange, GoafMeasurement, convergence, goaf_change, measure_goaf_scans
from sxrisk.sites.goafs._rows import change_rows
from sxrisk.surfaces import Mesh

ORIGIN = np.array([512_345.678, 4_123_456.789, 1_234.5])
Solid = manifold3d.Manifold
EPOCHS = [datetime(2026, month, 15, 10, tzinfo=UTC) for month in (3, 6)]
DAYS = 92.0
SIZES = {"normal_radius_m": 0.6, "cylinder_radius_m": 0.3, "max_depth_m": 2.0, "core_spacing_m": 0.4}
STATIONS = [(1.0, -0.5, -1.5), (-4.0, -2.0, -1.0), (5.0, 1.0, -1.0)]


def box(length: float, width: float, height: float, at: tuple[float, float, float] = (0.0, 0.0, 0.0)) -> Solid:
    return Solid.cube((length, width, height), True).translate(at)


def scans_of(solid: Solid, n: int, seed: int, epoch: datetime) -> list[Scan]:
    """What a scanner with ranges of 3 mm sees from each station, over the whole sphere."""
    o3d = load_open3d()
    raw = solid.to_mesh64()
    scene = o3d.t.geometry.RaycastingScene()
    scene.add_triangles(
        o3d.core.Tensor(np.asarray(raw.vert_properties)[:, :3].astype(np.float32)),
        o3d.core.Tensor(np.asarray(raw.tri_verts).astype(np.uint32)),
    )
    rng = np.random.default_rng(seed)
    found = []
    for station in STATIONS:
        i = np.arange(n) + 0.5
        z, turn = 1.0 - 2.0 * i / n, np.pi * (1.0 + 5.0**0.5) * i + rng.uniform(0.0, 6.0)
        ways = np.column_stack([np.cos(turn) * np.sqrt(1 - z * z), np.sin(turn) * np.sqrt(1 - z * z), z])
        rays = np.column_stack([np.tile(station, (n, 1)), ways]).astype(np.float32)
        reach = scene.cast_rays(o3d.core.Tensor(rays))["t_hit"].numpy().astype(np.float64)
        xyz = np.asarray(station) + ways * (reach + rng.normal(0.0, 0.003, n))[:, None] + ORIGIN
        found.append(
            Scan(
                xyz,
                stations=[np.asarray(station) + ORIGIN],
                crs="EPSG:4547",
                vertical_crs="EPSG:5737",
                epoch=epoch,
                registration_sigma_m=0.001,
            )
        )
    return found


def rooms() -> tuple[Solid, Solid]:
    """16 x 10 x 6 m; later a block of 3 x 2.5 x 0.9 m is gone from the roof, a heap lies on the floor, a notch of
    3 x 1.5 x 1.5 m is broken into the northern wall, and the western wall stands 25 mm farther in.
    """
    room = box(16, 10, 6)
    closed = box(15.975, 10, 6, (0.0125, 0.0, 0.0))
    later = closed + box(3, 2.5, 1, (1, 0.5, 3.4)) - box(2.5, 2, 1, (-5, 3, -2.5)) + box(3, 1.6, 1.5, (4, 5.7, -2))
    return room, later


def mesh_of(solid: Solid) -> Mesh:
    raw = solid.refine_to_length(0.4).to_mesh64()
    xyz = np.asarray(raw.vert_properties)[:, :3] + ORIGIN
    return Mesh(xyz, np.asarray(raw.tri_verts).astype(np.int32), crs="EPSG:4547")


@pytest.fixture(scope="module")
def epochs() -> list[list[Scan]]:
    return [scans_of(room, 15_000, k, EPOCHS[k]) for k, room in enumerate(rooms())]


@pytest.fixture(scope="module")
def measured() -> GoafMeasurement:
    epochs = [scans_of(room, 3_000, k, EPOCHS[k]) for k, room in enumerate(rooms())]
    settings = {"registered": True, "water_level_m": ORIGIN[2] - 2.0}
    return measure_goaf_scans(epochs, site_id="G-1", parameters=settings, change_parameters=SIZES)


@pytest.fixture(scope="module")
def change(epochs: list[list[Scan]]) -> GoafChange:
    before, after = (mesh_of(room) for room in rooms())
    first, last = (Scan.merge(stations) for stations in epochs)
    return goaf_change(first, last, before_mesh=before, after_mesh=after, axis_deg=90.0, **SIZES)


def test_falls_are_closed_bodies_of_the_planted_size(change: GoafChange) -> None:
    falls = change.falls.set_index("event")
    assert sorted(falls.index) == ["roof_fall", "wall_fall"]
    assert falls.loc["roof_fall", "volume_m3"] == pytest.approx(-3 * 2.5 * 0.9, rel=0.03)
    assert falls.loc["wall_fall", "volume_m3"] == pytest.approx(-3 * 1.5 * 1.5, rel=0.03)
    assert falls.loc["roof_fall", "block_edge_m"] == pytest.approx(6.75 ** (1 / 3), rel=0.01)
    roof = falls.loc["roof_fall"]
    sides = [roof["block_length_m"], roof["block_width_m"], roof["block_thickness_m"]]
    assert sides == pytest.approx([3.0, 2.5, 0.9], abs=0.45)
    for row in change.falls.itertuples():
        body = change.meshes[row.body_id]
        assert body.is_watertight
        assert body.volume_m3 == pytest.approx(-row.volume_m3, rel=0.02)


def test_the_heap_is_a_deposit(change: GoafChange) -> None:
    heap = change.bodies[change.bodies["event"] == "deposit"].iloc[0]
    assert heap["surface"] == "floor"
    assert heap["volume_m3"] == pytest.approx(5.0, rel=0.03)


def test_the_notch_overhangs_and_the_scar_in_the_roof_does_not(change: GoafChange) -> None:
    assert len(change.overhangs) == 1
    notch = change.overhangs.iloc[0]
    assert (notch["x_m"] - ORIGIN[0], notch["z_m"] - ORIGIN[2]) == pytest.approx((4.0, -1.25), abs=0.6)
    assert 3 * 1.5 * 0.8 < notch["area_m2"] < 3 * 1.5 * 1.8


def test_the_western_wall_closes(change: GoafChange) -> None:
    pairs = change.convergence
    along = pairs[pairs["pair"] == "walls_along"]
    assert len(along) >= 4
    middle = along[np.abs(along["y_m"] - ORIGIN[1]) < 3.0]
    assert (np.abs(middle["convergence_mm"] - 25.0) < 3.0 * middle["sigma_mm"]).all()
    assert middle["convergence_mm"].mean() == pytest.approx(25.0, abs=2.0)
    assert middle["opening_m"].mean() == pytest.approx(16.0, abs=0.02)
    assert (middle["significance"] > 3).all()
    assert middle["rate_mm_per_day"].mean() == pytest.approx(25.0 / DAYS, abs=2.0 / DAYS)
    assert middle["strain_mm_m"].mean() == pytest.approx(25.0 / 16.0, rel=0.1)
    quiet = pairs[pairs["pair"] == "roof_floor"]
    assert np.median(np.abs(quiet["convergence_mm"])) < 2.0
    # Nineteen of twenty pairs that did not move lie within two sigmas of nothing.
    assert (np.abs(quiet["significance"]) < 2.0).mean() > 0.85


def test_a_shift_of_an_epoch_cancels_between_opposite_faces() -> None:
    rng = np.random.default_rng(5)
    wall = np.column_stack([np.zeros(800), rng.uniform(0, 8, 800), rng.uniform(0, 4, 800)])
    points = np.concatenate([wall, wall + np.array([6.0, 0, 0])]) + ORIGIN
    normals = np.repeat([[1.0, 0, 0], [-1.0, 0, 0]], 800, axis=0)
    shift = np.array([0.030, 0.0, 0.0])
    distance = normals @ shift + np.repeat([0.004, 0.006], 800) + rng.normal(0, 0.001, 1600)
    many, small = np.full(1600, 30, np.int32), np.full(1600, 0.005)
    result = M3C2Result(
        points, normals, distance, np.full(1600, 0.01), many, many, small, small, np.zeros(1600, bool),
        np.zeros(1600, np.uint8), registration_sigma_m=0.02,
        parameters={"core_spacing_m": 0.2, "cylinder_radius_m": 0.1},
    )  # fmt: skip
    table = convergence(result, axis_deg=0.0, days=10.0)
    assert set(table["pair"]) == {"walls_across"}
    assert (np.abs(table["convergence_mm"] - 10.0) < 4.0 * table["sigma_mm"]).all()
    assert (table["sigma_mm"] < 1.0).all()
    assert table["rate_mm_per_day"].mean() == pytest.approx(1.0, abs=0.05)


def test_what_the_site_tells(measured: GoafMeasurement, tmp_path: Path) -> None:
    result = measured.result
    rows = result.measurements
    of = {metric: rows[rows["metric"] == metric] for metric in set(rows["metric"])}
    assert {
        "volume", "volume_low", "volume_high", "plan_area", "roof_level", "floor_level", "height", "roof_span",
        "roof_inscribed_radius", "roof_hydraulic_radius", "roof_dip", "face_area", "volume_below_water",
        "convergence", "convergence_rate",
    } <= set(of)  # fmt: skip
    truth = 15.975 * 60 + 6.75 * 2 - 5.0
    assert of["volume"]["value"].item() == pytest.approx(truth, rel=0.02)
    assert of["roof_span"]["value"].item() == pytest.approx(10.0, abs=0.5)
    assert of["volume_below_water"]["value"].item() == pytest.approx(15.975 * 10 - 5.0 + 3 * 1.5 * 0.75, rel=0.05)
    assert rows.crs.to_epsg() == 4490
    again = SiteResult.load(result.save(tmp_path / "kept"))
    assert again.summary == result.summary
    assert again.rasters["height"].identical(result.rasters["height"])
    names = {path.name for path in result.write_artefacts(tmp_path / "files")}
    assert {"height.tif", "roof_level.tif", "sections.dxf", "change.laz", "mesh.ply"} <= names
    assert {f"{name}.glb" for name in result.extra_meshes} <= names


def test_rows_of_the_change(change: GoafChange) -> None:
    rows = Rows("goaf", "G-1", pyproj.CRS("EPSG:4547"))
    figures = change_rows(rows, change, epoch=EPOCHS[1])
    frame = measurements_frame(rows.rows)
    fallen = frame[frame["metric"] == "fall_volume"]
    assert fallen["value"].sum() == pytest.approx(13.5, rel=0.03)
    assert set(fallen["object_kind"]) == {"moving_body"}
    assert frame[frame["metric"] == "new_overhang_area"]["value"].item() == pytest.approx(4.5, rel=0.5)
    assert len(figures["bodies"]) == len(change.bodies)
    assert json.loads(json.dumps(figures, allow_nan=False)) == figures


def test_refusals(epochs: list[list[Scan]]) -> None:
    bare = Scan(epochs[0][0].xyz, crs="EPSG:4547")
    with pytest.raises(ParameterError, match="does not say where the scanner stood"):
        goaf_change(bare, Scan.merge(epochs[1]), **SIZES)
    with pytest.raises(ParameterError, match="Did you mean 'water_level_m'"):
        check_parameters("goaf", {"water_levle_m": 3.0})
