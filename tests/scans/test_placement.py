"""Local coordinates placed by control points: known transforms, residuals, wrong points, poor geometry."""

import json
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
from scipy.spatial.transform import Rotation

from sxrisk.errors import CRSError, FileFormatError, GeometryError, MissingFieldError, ParameterError
from sxrisk.scans import Scan, place

Floats = npt.NDArray[np.float64]
RNG = np.random.default_rng(17)
SHIFT = np.array([512000.0, 4123000.0, 900.0])


def table(local: Floats, target: Floats, **more: object) -> pd.DataFrame:
    names = ["x", "y", "z", "target_x", "target_y", "target_z"]
    return pd.DataFrame(np.column_stack([local, target]), columns=names).assign(**more)


def turned(local: Floats, angles: tuple[float, float, float], factor: float = 1.0) -> Floats:
    """About x, then y, then z."""
    return factor * Rotation.from_euler("xyz", angles, degrees=True).apply(local.copy()) + SHIFT


@pytest.mark.parametrize("factor", [1.0, 1.00025])
@pytest.mark.parametrize("angles", [(0.0, 0.0, 0.0), (2.0, -3.0, 117.0), (0.01, 0.02, -179.9), (170.0, 10.0, 5.0)])
def test_a_known_transform_in_space(factor: float, angles: tuple[float, float, float]) -> None:
    local = RNG.uniform(-80, 80, (7, 3))
    placed = place(None, table(local, turned(local, angles, factor)), scale=True, crs=4547, vertical_crs=5737)
    assert placed.scale == pytest.approx(factor, abs=1e-11)
    assert np.abs(np.array(placed.rotation_deg) - angles).max() < 1e-9
    other = RNG.uniform(-200, 200, (50, 3))
    assert np.abs(placed.transform(other) - turned(other, angles, factor)).max() < 1e-8
    assert placed.redundancy == 14
    assert placed.outliers == ()
    assert placed.rms_m < 1e-8


def test_a_known_transform_in_plan() -> None:
    local = RNG.uniform(-80, 80, (5, 3))
    truth = turned(local, (0, 0, 33.0))
    placed = place(None, table(local, truth), method="plan")
    assert np.abs(placed.transform(local) - truth).max() < 1e-8
    assert placed.redundancy == 15 - 4
    scaled = truth.copy()
    scaled[:, :2] = (truth[:, :2] - SHIFT[:2]) * 1.0004 + SHIFT[:2]
    free = place(None, table(local, scaled), method="plan", scale=True)
    assert free.scale == pytest.approx(1.0004, abs=1e-10)
    assert np.abs(free.transform(local) - scaled).max() < 1e-8  # heights keep their scale
    two = place(None, table(local[:2], truth[:2]), method="plan")
    assert np.abs(two.transform(local) - truth).max() < 1e-7
    assert two.redundancy == 2


def test_sigma_and_its_growth_are_those_of_many_samples() -> None:
    local = RNG.uniform(-50, 50, (8, 3))
    far = np.array([[200.0, 0.0, 0.0]])
    sigma0, errors, told = [], [], []
    for _ in range(150):
        placed = place(None, table(local, turned(local, (1, 2, 3)) + RNG.normal(0, 0.004, local.shape)))
        sigma0.append(placed.sigma0**2)
        errors.append(placed.transform(far)[0] - turned(far, (1, 2, 3))[0])
        told.append(placed.sigma_at(far)[0] ** 2)
    assert np.sqrt(np.mean(sigma0)) == pytest.approx(0.004, rel=0.05)
    assert np.sqrt(np.mean(told)) == pytest.approx(np.sqrt(np.mean(np.square(errors))), rel=0.12)


def test_the_wrong_point_is_named_and_noise_is_not() -> None:
    local = RNG.uniform(-60, 60, (9, 3))
    false = 0
    for _ in range(100):
        target = turned(local, (0.5, -0.5, 40)) + RNG.normal(0, 0.003, local.shape)
        false += bool(place(None, table(local, target)).outliers)
        target[4] += [0.0, 0.05, 0.0]
        assert place(None, table(local, target, id=list("ABCDEFGHI"))).outliers == ("E",)
    assert false <= 5  # 1 % is promised


def test_weights_pull() -> None:
    local = RNG.uniform(-60, 60, (6, 3))
    target = turned(local, (0, 0, 10))
    target[0] += 0.1
    even = place(None, table(local, target)).residuals["length_m"][0]
    weak = place(None, table(local, target, sigma_m=[10.0, *[0.01] * 5]))
    assert weak.residuals["length_m"][0] > even
    assert weak.residuals["length_m"][0] == pytest.approx(0.1 * np.sqrt(3), rel=1e-3)
    assert weak.residuals["length_m"][1:].max() < 1e-4


def test_a_scan_is_placed(tmp_path: Path) -> None:
    local = np.array([[0.0, 0, 0], [40, 0, 1], [0, 30, 2], [35, 28, 5]])
    noise = RNG.normal(0, 0.002, local.shape)
    path = tmp_path / "control.csv"
    table(local, turned(local, (0, 0, 90)) + noise, id=["K1", "K2", "K3", "K4"]).to_csv(path, index=False)
    scan = Scan(
        [[10.0, 0, 0], [20, 5, 1]],
        stations=[[0.0, 0, 1.5]],
        attributes={"intensity": [1, 2]},
        registration_sigma_m=0.001,
    )
    placed = place(scan, path, crs="EPSG:4547+5737")
    there = placed.apply(scan)
    assert there.crs.to_epsg() == 4547
    assert there.vertical_crs.to_epsg() == 5737
    assert np.abs(there.xyz - turned(scan.xyz, (0, 0, 90))).max() < 0.01
    assert there.stations is not None
    assert np.abs(there.stations - turned(np.array([[0.0, 0, 1.5]]), (0, 0, 90))).max() < 0.01
    assert there.attributes["intensity"].tolist() == [1, 2]
    assert there.registration_sigma_m is not None
    assert 0.001 < there.registration_sigma_m < 0.01
    assert json.loads(json.dumps(placed.to_dict()))["residuals"][2]["id"] == "K3"
    assert "3D Helmert: 4 control points" in repr(placed)
    with pytest.raises(ParameterError, match=r"the scan is in EPSG:4547.*already; expected local coordinates"):
        placed.apply(there)


def test_without_redundancy_nothing_is_promised() -> None:
    local = np.array([[0.0, 0, 0], [40, 0, 1]])
    placed = place(None, table(local, turned(local, (0, 0, 5))), method="plan", scale=True)
    assert placed.redundancy == 1
    three = np.vstack([local, [[0, 30, 2]]])
    assert place(None, table(three, turned(three, (0, 0, 5)))).redundancy == 3
    assert place(None, table(local, turned(local, (0, 0, 5))), method="plan").outliers == ()


def test_refusals(tmp_path: Path) -> None:
    line = np.column_stack([np.linspace(0, 50, 6), np.linspace(0, 20, 6), np.zeros(6)])
    good = RNG.uniform(0, 50, (4, 3))
    with pytest.raises(GeometryError, match=r"stand in one line or place.*method='plan'"):
        place(None, table(line, turned(line, (0, 0, 5))))
    assert place(None, table(line, turned(line, (0, 0, 5))), method="plan").rms_m < 1e-8
    with pytest.raises(GeometryError, match="2 control points; expected at least 3, not in one line"):
        place(None, table(good[:2], good[:2]))
    with pytest.raises(GeometryError, match="in one place in plan"):
        place(None, table(np.array([[0.0, 0, 0], [0, 0, 9]]), np.array([[0.0, 0, 0], [0, 0, 9]])), method="plan")
    broken = good.copy()
    broken[2, 1] = np.nan
    with pytest.raises(GeometryError, match="control point '3' has a coordinate that is no finite number"):
        place(None, table(good, broken))
    with pytest.raises(MissingFieldError, match="no column target_z"):
        place(None, table(good, good).drop(columns="target_z"))
    with pytest.raises(ParameterError, match="a sigma_m is missing or not positive"):
        place(None, table(good, good, sigma_m=[1, 1, 0, 1]))
    with pytest.raises(GeometryError, match="swapped"):
        place(Scan(good), table(turned(good, (0, 0, 5)), good))
    with pytest.raises(ParameterError, match="method 'affine'"):
        place(None, table(good, good), method="affine")  # type: ignore[arg-type]
    with pytest.raises(CRSError, match="legacy datum"):
        place(None, table(good, good), crs="EPSG:2414")
    with pytest.raises(FileFormatError, match="control points cannot be read"):
        place(None, tmp_path / "none.csv")
