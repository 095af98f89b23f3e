"""Goafs inferred from geophysics, held to voids whose place and volume are known."""

import numpy as np
import pandas as pd
import pytest
from scipy.ndimage import gaussian_filter

from sxrisk.errors import InputError, ParameterError
from sxrisk.scans.geophysics import PropertyModel
from sxrisk.sites.goafs.inferred import infer_goafs, void_probability

CELL = 4.0
X, Y, Z = np.arange(0.0, 161.0, CELL), np.arange(0.0, 121.0, CELL), np.arange(-80.0, 1.0, CELL)
GRID = np.array(np.meshgrid(X, Y, Z, indexing="ij"))
PLACE = np.array([512_000.0, 4_100_000.0, 1_100.0])


def _ground(seed, *, noise=0.25, contrast=1.0):
    """A resistivity model with one ellipsoidal water-filled void, and that void as a function of places."""
    random = np.random.default_rng(seed)
    middle = random.uniform([50, 40, -55], [110, 80, -30])
    axes = random.uniform([16, 16, 9], [30, 26, 14])

    def inside(places):
        return (((places - middle) / axes) ** 2).sum(axis=-1) < 1.0

    void = inside(np.moveaxis(GRID, 0, -1))
    texture = gaussian_filter(random.normal(size=void.shape), 1.5)
    level = 2.3 + noise * texture / texture.std() - contrast * gaussian_filter(void.astype(float), 0.7)
    model = PropertyModel(
        GRID.reshape(3, -1).T + PLACE, 10 ** level.ravel(), name="resistivity", unit="ohm.m",
        axes=(X + PLACE[0], Y + PLACE[1], Z + PLACE[2]),
    )  # fmt: skip
    return model, inside, 4.0 / 3.0 * np.pi * axes.prod(), middle, random


def _drill(model, inside, random, *, aimed=6, elsewhere=6, known=()):
    """Vertical holes, half of them aimed at what the survey shows, with the intervals that they met."""
    column = model.levels.reshape(GRID.shape[1:]).min(axis=2)
    lowest = np.argsort(column, axis=None)[random.integers(0, column.size // 8, aimed)]
    at = np.column_stack(np.unravel_index(lowest, column.shape)) * CELL
    around = random.uniform([5, 5], [155, 115], (elsewhere, 2))
    heads = np.concatenate([at + random.uniform(-2, 2, at.shape), around, np.reshape(known, (-1, 2))])
    rows = []
    for number, (x, y) in enumerate(heads):
        depth = np.arange(0.0, 80.0, 0.25)
        met = inside(np.column_stack([np.full(len(depth), x), np.full(len(depth), y), -depth]))
        edges = np.flatnonzero(np.diff(met.astype(int))) + 1
        for part in np.split(np.arange(len(depth)), edges):
            top, bottom = -depth[part[0]], -(depth[part[-1]] + 0.25)
            rows.append((f"ZK{number}", x, y, top, x, y, bottom, bool(met[part[0]]), number))
    names = (
        "hole_id", "top_easting_m", "top_northing_m", "top_z_m", "bottom_easting_m", "bottom_northing_m",
        "bottom_z_m", "void", "source_row",
    )  # fmt: skip
    holes = pd.DataFrame(rows, columns=list(names))
    for end in ("top", "bottom"):
        holes[[f"{end}_easting_m", f"{end}_northing_m", f"{end}_z_m"]] += PLACE
    return holes


def test_the_shell_holds_the_true_volume_and_the_probability_means_what_it_says():
    held, forecasts, outcomes = 0, [], []
    for seed in range(8):
        model, inside, volume, _, random = _ground(seed)
        void = void_probability(model, _drill(model, inside, random), cell_m=CELL)
        body = infer_goafs(void)[0]
        held += body.volume_low_m3 <= volume <= body.volume_high_m3
        forecasts.append(void.probability.to_numpy().ravel())
        outcomes.append(inside(np.moveaxis(GRID, 0, -1)).ravel())
    assert held >= 7
    forecast, outcome = np.concatenate(forecasts), np.concatenate(outcomes)
    # Where it is sure it is right; in between it errs on the side of void, as few holes allow.
    assert outcome[forecast > 0.9].mean() > 0.85
    assert outcome[forecast < 0.1].mean() < 0.01
    between = (forecast > 0.3) & (forecast < 0.7)
    assert 0.1 < outcome[between].mean() < 0.7


def test_bodies_are_watertight_and_nested_and_at_their_place():
    model, inside, _, middle, random = _ground(3)
    bodies = infer_goafs(void_probability(model, _drill(model, inside, random), cell_m=CELL))
    body = bodies[0]
    assert body.goaf_id == "I1"
    for mesh in (body.mesh, body.outer, *([body.inner] if len(body.inner.faces) else [])):
        assert mesh.is_watertight
        assert mesh.volume_m3 > 0
    assert body.volume_low_m3 <= body.volume_m3 <= body.volume_high_m3
    assert np.linalg.norm(body.place - PLACE - middle) < 8.0
    assert body.holes
    assert not body.open_to_edge


def test_a_hole_that_misses_takes_void_away_around_it_and_one_that_hits_adds():
    model, inside, _, middle, random = _ground(5, contrast=0.35, noise=0.4)
    holes = _drill(model, inside, random, known=middle[:2] + np.array([14.0, 0.0]))
    at = dict(zip("xyz", middle + PLACE, strict=True))

    def probability(met):
        own = holes.iloc[:1].assign(
            hole_id="new", top_easting_m=at["x"], bottom_easting_m=at["x"], top_northing_m=at["y"],
            bottom_northing_m=at["y"], top_z_m=at["z"] + 8, bottom_z_m=at["z"] - 8, void=met,
        )  # fmt: skip
        found = void_probability(model, pd.concat([holes, own], ignore_index=True), cell_m=CELL).probability
        return float(found.interp(at))

    before = float(void_probability(model, holes, cell_m=CELL).probability.interp(at))
    assert probability(False) < before < probability(True)
    assert probability(False) < 0.5 < probability(True)


def test_a_property_that_does_not_tell_is_said_not_to():
    model, inside, _, middle, random = _ground(7, contrast=0.0)
    found = void_probability(model, _drill(model, inside, random, known=middle[:2]), cell_m=CELL).calibration
    assert not found.discriminates
    assert np.isnan(found.threshold)
    model, inside, _, _, random = _ground(7, contrast=1.5)
    found = void_probability(model, _drill(model, inside, random), cell_m=CELL).calibration
    assert found.discriminates
    assert found.void_is == "low"
    assert found.brier_left_out < found.brier_constant
    # Rock is at 10^2.3, void at 10^0.8: the threshold lies between them.
    assert 10**0.8 < found.threshold < 10**2.3


def test_a_given_range_makes_the_shell_of_just_that_range():
    axis = np.arange(-40.0, 41.0, 2.0)
    grid = np.array(np.meshgrid(axis, axis, axis, indexing="ij")).reshape(3, -1).T
    # Resistivity falls towards the middle as 10^(r/10): each threshold is a sphere.
    model = PropertyModel(
        grid, 10 ** (np.linalg.norm(grid, axis=1) / 10.0), name="resistivity", axes=(axis, axis, axis)
    )
    void = void_probability(model, cell_m=2.0, threshold_range=(10**1.5, 10**2.5), void_is="low")
    body = infer_goafs(void, confidence=0.95, resolution_m=0.0)[0]
    for volume, radius in ((body.volume_low_m3, 15.0), (body.mesh.volume_m3, 20.0), (body.volume_high_m3, 25.0)):
        assert volume == pytest.approx(4.0 / 3.0 * np.pi * radius**3, rel=0.03)


def test_one_section_needs_its_half_width_and_takes_it():
    along, depth = np.meshgrid(np.arange(0.0, 101.0, 2.0), np.arange(-50.0, 1.0, 2.0), indexing="ij")
    void = np.hypot(along - 50, depth + 25) < 12
    turn = np.radians(30.0)
    xyz = np.column_stack([along.ravel() * np.cos(turn), along.ravel() * np.sin(turn), depth.ravel()])
    model = PropertyModel(xyz, np.where(void.ravel(), 20.0, 200.0), name="resistivity")
    with pytest.raises(ParameterError, match="half_width_m"):
        void_probability(model, cell_m=2.0, threshold_range=(40.0, 90.0), void_is="low")
    found = void_probability(model, cell_m=2.0, threshold_range=(40.0, 90.0), void_is="low", half_width_m=10.0)
    body = infer_goafs(found)[0]
    assert body.volume_m3 == pytest.approx(np.pi * 12**2 * 20.0, rel=0.12)
    assert body.place == pytest.approx([50 * np.cos(turn), 50 * np.sin(turn), -25.0], abs=1.0)
    assert body.open_to_edge


@pytest.mark.parametrize(("void", "text"), [(False, "no drill hole met a void"), (True, "every sample")])
def test_holes_of_one_kind_cannot_calibrate(void, text):
    model, inside, _, _, random = _ground(1)
    holes = _drill(model, inside, random).assign(void=void)
    with pytest.raises(InputError, match=text):
        void_probability(model, holes, cell_m=CELL)


def test_without_holes_or_range_nothing_is_invented():
    model = _ground(1)[0]
    with pytest.raises(ParameterError, match="nothing calibrates the model"):
        void_probability(model, cell_m=CELL)
