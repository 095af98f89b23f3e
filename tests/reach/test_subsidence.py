"""The probability integral against its closed forms, by derivatives, by direct summation, and by what physics asks."""

from itertools import pairwise

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import erf
from shapely.affinity import rotate, translate

from sxrisk.errors import GeometryError, ParameterError
from sxrisk.reach.subsidence import Panel, RockParameters, subsidence_at, subsidence_basin

ROCK = RockParameters(q=0.7, tan_beta=2.0, b=0.3)
H, M, R = 200.0, 3.0, 100.0
W0 = 2100.0  # mm
ROOT_PI = np.sqrt(np.pi)


def panel(outline: shapely.Polygon, **more: object) -> Panel:
    return Panel(**{"outline": outline, "depth_m": H, "thickness_m": M, "rock": ROCK, **more})


@settings(max_examples=40, deadline=None)
@given(
    length=st.floats(5, 900),
    width=st.floats(5, 900),
    angle=st.floats(0, 180),
    east=st.floats(-5, 5),
    north=st.floats(-5, 5),
)
def test_rectangles_of_any_place_and_turn_are_the_product_of_two_error_functions(
    length: float, width: float, angle: float, east: float, north: float
) -> None:
    rng = np.random.default_rng(1)
    own = rng.uniform(-700, 700, (200, 2))
    a, shift = np.radians(angle), np.array([512345.0 + east, 4123456.0 + north])
    turn = np.array([[np.cos(a), -np.sin(a)], [np.sin(a), np.cos(a)]])
    box = shapely.box(-length / 2, -width / 2, length / 2, width / 2)
    outline = translate(rotate(box, angle, origin=(0, 0)), *shift)

    def profile(x: np.ndarray, extent: float) -> np.ndarray:
        return 0.5 * (erf(ROOT_PI * (x + extent / 2) / R) - erf(ROOT_PI * (x - extent / 2) / R))

    expected = W0 * profile(own[:, 0], length) * profile(own[:, 1], width)
    found = subsidence_at([panel(outline)], own @ turn.T + shift)["subsidence_mm"]
    np.testing.assert_allclose(found, expected, atol=1e-9 * W0)


def test_the_edge_of_a_very_long_panel_has_the_profile_of_the_half_plane() -> None:
    x = np.linspace(-150, 150, 61)
    found = subsidence_at([panel(shapely.box(0, -5000, 5000, 5000))], np.column_stack([x, np.zeros(61)]))
    bell = np.exp(-np.pi * x**2 / R**2)
    np.testing.assert_allclose(found["subsidence_mm"], W0 / 2 * (erf(ROOT_PI * x / R) + 1), atol=1e-8)
    np.testing.assert_allclose(found["tilt_x"], W0 / R * bell, atol=1e-9)
    curvature = -2 * np.pi * W0 / R**3 * x * bell
    np.testing.assert_allclose(found["curvature_xx"], curvature, atol=1e-10)
    np.testing.assert_allclose(found["displacement_x_mm"], 0.3 * W0 * bell, atol=1e-8)
    np.testing.assert_allclose(found["strain_xx"], 0.3 * R * curvature, atol=1e-9)
    # Tilt at the point of inflection is W0 / r: the test against the wrong argument of erf that is in public scripts.
    assert found["tilt_x"][30] == pytest.approx(W0 / R)


def test_greatest_curvature_and_strain_have_the_factor_1_52_at_two_fifths_of_the_radius() -> None:
    x = np.linspace(-60, 60, 2401)
    found = subsidence_at([panel(shapely.box(0, -5000, 5000, 5000))], np.column_stack([x, np.zeros(len(x))]))
    factor = np.sqrt(2 * np.pi / np.e)
    assert found["curvature_xx"].max() == pytest.approx(factor * W0 / R**2, rel=1e-6)
    assert found["strain_xx"].max() == pytest.approx(factor * 0.3 * W0 / R, rel=1e-6)
    assert x[found["curvature_xx"].argmax()] == pytest.approx(-R / np.sqrt(2 * np.pi), abs=0.05)


def test_the_example_of_the_textbook() -> None:
    # W0 13.5 m, r 69.28 m: the greatest curvature is 4.28e-3 per metre.
    rock = RockParameters(q=0.9, tan_beta=6.5, b=0.3)
    far = Panel(
        outline=shapely.box(0, -5000, 5000, 5000), depth_m=69.28 * 6.5, thickness_m=15.0, rock=rock,
    )  # fmt: skip
    found = subsidence_at([far], np.column_stack([np.linspace(-60, 60, 241), np.zeros(241)]))
    assert found["curvature_xx"].max() == pytest.approx(4.28, abs=0.005)


ODD = shapely.Polygon(
    [(0, 0), (400, 30), (350, 300), (120, 260), (60, 400)], holes=[[(150, 60), (150, 160), (260, 160), (260, 60)]]
)


def test_derivatives_are_those_of_the_subsidence_anywhere_even_on_edges_and_corners() -> None:
    places = np.array([[100.0, 50.0], [400.0, 30.0], [0.0, 0.0], [200.0, 15.0], [-40.0, 10.0], [200.0, 280.0]])
    sloping = panel(ODD, dip_deg=20.0, dip_azimuth_deg=130.0,
                    rock=RockParameters(q=0.7, tan_beta=2.0, b=0.3, propagation_angle_deg=78.0))  # fmt: skip
    step = 0.01
    for one in (panel(ODD), sloping):
        here = subsidence_at([one], places)
        for axis, (tilt, second, mixed, strain) in enumerate(
            (
                ("tilt_x", "curvature_xx", "curvature_xy", "strain_xx"),
                ("tilt_y", "curvature_yy", "curvature_xy", "strain_yy"),
            )
        ):
            way = np.eye(2)[axis] * step
            ahead, behind = subsidence_at([one], places + way), subsidence_at([one], places - way)

            def slope(name: str, ahead: object = ahead, behind: object = behind) -> np.ndarray:
                return ((ahead[name] - behind[name]) / (2 * step)).to_numpy()

            other = "tilt_y" if axis == 0 else "tilt_x"
            np.testing.assert_allclose(slope("subsidence_mm"), here[tilt], atol=1e-5)
            np.testing.assert_allclose(slope(tilt), here[second], atol=1e-6)
            np.testing.assert_allclose(slope(other), here[mixed], atol=1e-6)
            name = "displacement_x_mm" if axis == 0 else "displacement_y_mm"
            np.testing.assert_allclose(slope(name), here[strain], atol=1e-4)


def test_direct_summation_of_small_cells_agrees() -> None:
    cell = 0.5
    x, y = (
        axis.ravel() for axis in np.meshgrid(np.arange(-10, 410, cell) + cell / 2, np.arange(-10, 410, cell) + cell / 2)
    )
    inside = shapely.contains_xy(ODD, x, y)
    source = np.column_stack([x[inside], y[inside]])
    places = np.array([[50.0, 100.0], [200.0, 110.0], [300.0, 250.0], [-80.0, -40.0]])
    direct = [
        W0 * cell**2 / R**2 * np.exp(-np.pi * ((source - place) ** 2).sum(axis=1) / R**2).sum() for place in places
    ]
    np.testing.assert_allclose(subsidence_at([panel(ODD)], places)["subsidence_mm"], direct, atol=1e-4 * W0)


def test_a_divided_panel_is_the_whole_one() -> None:
    places = np.random.default_rng(2).uniform(-200, 600, (100, 2))
    halves = [
        panel(ODD.intersection(shapely.box(-9e3, -9e3, 190, 9e3))),
        panel(ODD.intersection(shapely.box(190, -9e3, 9e3, 9e3))),
    ]
    whole = subsidence_at([panel(ODD)], places)
    np.testing.assert_allclose(subsidence_at(halves, places)[["subsidence_mm", "curvature_xy", "strain_xx"]],
                               whole[["subsidence_mm", "curvature_xy", "strain_xx"]], atol=1e-8)  # fmt: skip


def test_grid_and_places_are_the_same_and_the_volume_is_that_of_the_mined_seam() -> None:
    east, north = 512_000.0, 4_100_000.0
    one = panel(translate(ODD, east, north))
    basin = subsidence_basin([one], 10.0, crs="EPSG:4547")
    x, y = np.meshgrid(basin["x"], basin["y"])
    there = subsidence_at([one], np.column_stack([x.ravel(), y.ravel()]))
    for name in ("subsidence_mm", "tilt", "curvature_min", "strain_max"):
        np.testing.assert_allclose(basin[name].values.ravel(), there[name], atol=1e-6)
    assert basin.rio.crs.to_epsg() == 4547
    assert float(basin["subsidence_mm"].sum()) / 1000 * 100 == pytest.approx(ODD.area * M * 0.7, rel=1e-9)


def test_a_dipping_seam_moves_the_basin_down_the_dip_and_stretches_it() -> None:
    theta, dip = 76.0, 20.0
    rock = RockParameters(q=0.7, tan_beta=2.0, b=0.3, propagation_angle_deg=theta)
    # Going down to the south; long along the strike, so that profiles are those of a plane.
    long = shapely.box(-4000, -400, 4000, 400)
    one = Panel(outline=long, depth_m=400.0, thickness_m=4.0, rock=rock, dip_deg=dip, dip_azimuth_deg=180.0)
    y = np.linspace(-1500, 1500, 3001)
    w = subsidence_at([one], np.column_stack([np.zeros(len(y)), y]), slice_share=0.002)["subsidence_mm"].to_numpy()
    full = 4.0 * 0.7 * np.cos(np.radians(dip)) * 1000
    assert w.max() == pytest.approx(full, rel=0.01)
    # The area under the profile is that of the stretched panel: l' = D sin(theta + alpha) / sin(theta), D in the seam.
    seam = 800.0 / np.cos(np.radians(dip))
    stretched = seam * np.sin(np.radians(theta + dip)) / np.sin(np.radians(theta))
    assert w.sum() == pytest.approx(full * stretched, rel=1e-4)
    # The middle of the basin lies by H cot(theta) further down the dip.
    assert (w * y).sum() / w.sum() == pytest.approx(-400.0 / np.tan(np.radians(theta)), rel=0.06)
    # On the dip side it reaches farther: the seam is deeper there.
    edge = np.flatnonzero(w > 10.0)
    assert -y[edge[0]] - 400 > y[edge[-1]] - 400


def test_thinner_slices_of_a_dipping_seam_converge() -> None:
    rock = RockParameters(q=0.7, tan_beta=2.0, b=0.3, propagation_angle_deg=80.0)
    one = Panel(outline=shapely.box(0, 0, 300, 500), depth_m=300.0, thickness_m=3.0, rock=rock, dip_deg=25.0)
    places = np.random.default_rng(5).uniform(-200, 700, (60, 2))
    finest = subsidence_at([one], places, slice_share=0.001)["subsidence_mm"]
    errors = [
        np.abs(subsidence_at([one], places, slice_share=s)["subsidence_mm"] - finest).max()
        for s in (0.08, 0.04, 0.02, 0.01)
    ]
    assert all(later < 0.5 * before for before, later in pairwise(errors))
    assert errors[3] < 1e-4 * one.full_subsidence_m * 1000


def test_the_outline_is_shrunk_by_the_inflection_offset() -> None:
    rock = RockParameters(q=0.7, tan_beta=2.0, inflection_offset_m=30.0)
    places = np.array([[0.0, 0.0], [30.0, 300.0], [-50.0, 300.0]])
    shrunk = subsidence_at([panel(shapely.box(0, 0, 600, 600), rock=rock)], places)
    smaller = subsidence_at([panel(shapely.box(30, 30, 570, 570))], places)
    np.testing.assert_allclose(shrunk["subsidence_mm"], smaller["subsidence_mm"], atol=1e-9)
    with pytest.raises(GeometryError, match="nothing is left of the panel inside an inflection offset of 30 m"):
        subsidence_at([panel(shapely.box(0, 0, 50, 600), rock=rock)], places)


def test_principal_strain_of_an_edge_is_pulled_across_it() -> None:
    # An edge that runs to the north-east: the ground outside is pulled to the south-east, towards the panel.
    corner = rotate(shapely.box(0, -4000, 4000, 4000), -45.0, origin=(0, 0))
    outside = np.array([[-1.0, 1.0]]) / np.sqrt(2) * 0.4 * R
    found = subsidence_at([panel(corner)], outside).iloc[0]
    assert found["strain_max"] == pytest.approx(1.52 * 0.3 * W0 / R, rel=0.01)
    assert found["strain_min"] == pytest.approx(0.0, abs=1e-6)
    assert found["strain_azimuth_deg"] == pytest.approx(135.0, abs=0.01)


def test_shallow_goafs_get_no_basin_and_bad_values_are_named() -> None:
    with pytest.raises(ParameterError, match=r"depth over thickness is 20\.0; expected 30 or more.*collapse_zone"):
        panel(shapely.box(0, 0, 1, 1), depth_m=60.0)
    with pytest.raises(ParameterError, match=r"q is 0; expected above 0, up to 1\.1"):
        RockParameters(q=0, tan_beta=2.0)
    with pytest.raises(GeometryError, match="no valid polygon"):
        panel(shapely.Polygon([(0, 0), (1, 1), (1, 0), (0, 1)]))
    with pytest.raises(ParameterError, match="would crop out"):
        subsidence_at([panel(shapely.box(0, 0, 900, 900), dip_deg=45.0)], [[0.0, 0.0]])
    with pytest.raises(ParameterError, match="there are no panels"):
        subsidence_basin([], 10.0)
