"""The options of M3C2, each against its definition at every core point, or against a truth simulated many times."""

import numpy as np
import pytest

import sxrisk as sx
from sxrisk.change import ScannerErrors, level_of_detection
from sxrisk.errors import GeometryError, ParameterError

SIZES = {"normal_radius_m": 0.8, "cylinder_radius_m": 0.4, "max_depth_m": 1.4}
CORNER = np.array([512000.0, 4123000.0, 1200.0])


def rough(n, seed, noise=0.02):
    """Ground with a wall, at real eastings."""
    rng = np.random.default_rng(seed)
    xyz = rng.uniform(0.0, [20.0, 12.0, 0.0], (n, 3))
    xyz[:, 2] = 0.2 * np.sin(xyz[:, 0]) + rng.normal(0.0, noise, n)
    wall = xyz[:, 0] > 16.0
    xyz[wall, 2] = 3.0 * rng.random(wall.sum())
    xyz[wall, 0] = 16.0 + rng.normal(0.0, noise, wall.sum())
    return CORNER + xyz


def in_cylinders(cloud, core, normals, radius, half, rows=200):
    """Positions along the normal of the points in each cylinder, every point tried for every core point."""
    found = []
    for start in range(0, len(core), rows):
        c, u = core[start : start + rows], normals[start : start + rows]
        offset = cloud[None] - c[:, None]
        along = np.einsum("mnk,mk->mn", offset, u)
        across2 = np.einsum("mnk,mnk->mn", offset, offset) - along**2
        inside = (np.abs(along) <= half) & (across2 <= radius**2)
        found += [a[i] for a, i in zip(along, inside, strict=True)]
    return found


BEFORE, AFTER = rough(20_000, 1), rough(20_000, 2) + np.array([0.01, 0.0, 0.03])
CORE = sx.m3c2(BEFORE, AFTER, core_spacing_m=0.6, **SIZES).core_points


@pytest.fixture(scope="module")
def truth():
    normals = sx.m3c2(BEFORE, AFTER, core_points=CORE, **SIZES).normals
    sizes = (SIZES["cylinder_radius_m"], SIZES["max_depth_m"])
    return [in_cylinders(cloud, CORE, normals, *sizes) for cloud in (BEFORE, AFTER)]


def test_mean_at_every_core_point_is_brute_force(truth):
    result = sx.m3c2(BEFORE, AFTER, core_points=CORE, min_points=2, **SIZES)
    n = [np.array([len(v) for v in epoch]) for epoch in truth]
    np.testing.assert_array_equal(result.n_reference, n[0])
    np.testing.assert_array_equal(result.n_compared, n[1])
    good = (n[0] >= 2) & (n[1] >= 2)
    np.testing.assert_array_equal(result.reason == 0, good)
    assert good.sum() > 600
    mean = [np.array([v.mean() if len(v) else np.nan for v in epoch]) for epoch in truth]
    std = [np.array([v.std(ddof=1) if len(v) > 1 else np.nan for v in epoch]) for epoch in truth]
    np.testing.assert_allclose(result.distance[good], (mean[1] - mean[0])[good], atol=1e-12)
    np.testing.assert_allclose(result.std_compared[good], std[1][good], atol=1e-9)
    published = sx.m3c2(BEFORE, AFTER, core_points=CORE, min_points=2, lod="lague", registration_sigma_m=0.002, **SIZES)
    lod = 1.96 * (np.sqrt(std[0] ** 2 / n[0] + std[1] ** 2 / n[1]) + 0.002)
    np.testing.assert_allclose(published.lod95[good], lod[good], atol=1e-9)


def test_median_at_every_core_point_is_brute_force(truth):
    result = sx.m3c2(BEFORE, AFTER, core_points=CORE, min_points=2, method="median", **SIZES)
    good = result.reason == 0
    quartiles = [
        np.array(
            [np.quantile(v, [0.25, 0.5, 0.75], method="averaged_inverted_cdf") if len(v) else [np.nan] * 3 for v in e]
        )
        for e in truth
    ]
    np.testing.assert_allclose(result.distance[good], (quartiles[1] - quartiles[0])[good, 1], atol=1e-12)
    for got, q in zip((result.std_reference, result.std_compared), quartiles, strict=True):
        np.testing.assert_allclose(got[good], ((q[:, 2] - q[:, 0]) / 1.3489795)[good], atol=1e-9)
    expected = level_of_detection(
        result.std_reference**2, result.n_reference, result.std_compared**2, result.n_compared, statistic="median"
    )
    np.testing.assert_allclose(result.lod95[good], expected[good], rtol=1e-9)


def test_dust_moves_the_mean_and_not_the_median():
    rng = np.random.default_rng(3)
    dusty = AFTER.copy()
    dusty[rng.random(len(dusty)) < 0.05, 2] += 0.8
    flat = CORE[CORE[:, 0] < CORNER[0] + 14.0]
    mean = sx.m3c2(BEFORE, dusty, core_points=flat, **SIZES)
    median = sx.m3c2(BEFORE, dusty, core_points=flat, method="median", **SIZES)
    assert abs(np.nanmedian(mean.distance) - 0.03) > 0.02
    assert np.nanmedian(median.distance) == pytest.approx(0.03, abs=0.004)


def test_several_scales_take_the_most_planar_at_every_core_point():
    radii = [0.3, 0.7, 1.5]
    result = sx.m3c2(BEFORE, AFTER, core_points=CORE, **{**SIZES, "normal_radius_m": radii})
    best, scale, normal = np.full(len(CORE), -1.0), np.full(len(CORE), np.nan), np.full((len(CORE), 3), np.nan)
    second = np.full(len(CORE), -1.0)
    for k, place in enumerate(CORE):
        offset = BEFORE - place
        square = (offset**2).sum(axis=1)
        for radius in radii:
            near = offset[square <= radius**2]
            if len(near) < 10:
                continue
            values, vectors = np.linalg.eigh(np.cov(near.T))
            planarity = (values[1] - values[0]) / values[2]
            if planarity > best[k]:
                second[k], best[k], scale[k], normal[k] = best[k], planarity, radius, vectors[:, 0]
            else:
                second[k] = max(second[k], planarity)
    clear = best - second > 1e-9
    assert clear.sum() > 600
    np.testing.assert_array_equal(result.normal_radius_m[clear], scale[clear])
    aligned = np.abs(np.einsum("ij,ij->i", result.normals, normal))[clear & ~np.isnan(scale)]
    np.testing.assert_allclose(aligned, 1.0, atol=1e-7)
    assert set(np.unique(scale[~np.isnan(scale)])) == set(radii)
    assert "normal_radius_m" in result.to_geodataframe()


def scanned(rng, station, target, errors):
    """What a scanner of known errors makes of true places."""
    offset = target - station
    flat = np.hypot(offset[:, 0], offset[:, 1])
    azimuth, elevation = np.arctan2(offset[:, 1], offset[:, 0]), np.arctan2(offset[:, 2], flat)
    distance = np.linalg.norm(offset, axis=1) + rng.normal(0.0, errors.range_sigma_m, len(target))
    azimuth += rng.normal(0.0, errors.horizontal_sigma_rad, len(target))
    elevation += rng.normal(0.0, errors.vertical_sigma_rad, len(target))
    direction = [np.cos(elevation) * np.cos(azimuth), np.cos(elevation) * np.sin(azimuth), np.sin(elevation)]
    return station + distance[:, None] * np.column_stack(direction)


@pytest.mark.parametrize("normal", [[0.0, 0.0, 1.0], [1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.6, 0.0, 0.8]])
def test_propagated_error_is_that_of_many_simulated_scans(normal):
    """Places across the normal, scanned 3 000 times from two stations: the scatter of the distance is what is said."""
    rng = np.random.default_rng(7)
    errors = ScannerErrors(0.004, 1.5e-4, 3e-4)
    stations = np.array([[-40.0, -25.0, 12.0], [30.0, -60.0, 3.0]])
    seen = np.arange(20) % 2
    spread = rng.uniform(-0.2, 0.2, (20, 3))
    target = spread - np.outer(spread @ normal, normal)
    distances = []
    for _ in range(3_000):
        means = [
            np.mean([scanned(rng, stations[s], target[seen == s], errors) @ normal for s in (0, 1)]) for _ in range(2)
        ]
        distances.append(means[1] - means[0])
    clouds = [
        sx.Scan(target + CORNER, stations=stations + CORNER, attributes={"station_index": seen}) for _ in range(2)
    ]
    result = sx.m3c2(
        *clouds,
        core_points=[CORNER],
        normals=[normal],
        lod="ep",
        scanner=errors,
        registration_sigma_m=0.0,
        **SIZES,
    )
    assert result.lod95[0] / 1.959964 == pytest.approx(np.std(distances), rel=0.05)
    assert np.mean(np.abs(distances) > result.lod95[0]) == pytest.approx(0.05, abs=0.015)


def test_propagation_knows_incidence_registration_and_each_epochs_scanner():
    xyz = CORNER + np.random.default_rng(8).uniform(-0.3, 0.3, (30, 3)) * [1.0, 1.0, 0.0]
    scan = sx.Scan(xyz, stations=CORNER + np.array([[0.0, -30.0, 3.0]]), range_sigma_m=0.005)
    place = {"core_points": [CORNER], "normals": [[0.0, 0.0, 1.0]], **SIZES}
    plain = sx.m3c2(scan, scan, lod="ep", registration_sigma_m=0.0, **place).lod95[0]
    # range alone: its part along the normal is the sine of the elevation, 3 / 30
    assert plain == pytest.approx(1.96 * 0.005 * 0.0995 * np.sqrt(2 / 30), rel=0.02)
    wide = sx.m3c2(
        scan, scan, lod="ep", registration_sigma_m=0.0, scanner=ScannerErrors(beam_spread_rad=2e-4), **place
    ).lod95[0]
    assert wide == pytest.approx(1.96 * np.hypot(0.005 * 0.0995, 30.15 * 2e-4 * 0.995) * np.sqrt(2 / 30), rel=0.02)
    moved = sx.m3c2(scan, scan, lod="ep", registration_sigma_m=0.003, **place).lod95[0]
    assert moved == pytest.approx(np.hypot(plain, 1.959964 * 0.003), rel=1e-6)
    pair = (ScannerErrors(0.005), ScannerErrors(0.010))
    unequal = sx.m3c2(scan, scan, lod="ep", registration_sigma_m=0.0, scanner=pair, **place).lod95[0]
    assert unequal == pytest.approx(plain * np.sqrt(5 / 2), rel=1e-9)


class Turned:
    """A registration that is uncertain by a turn about x through its origin, as a Registration says it."""

    def sigma_at(self, points, along=None):
        offset = np.asarray(points) - CORNER
        return 1e-3 * np.abs(offset[:, 1] * along[:, 2] - offset[:, 2] * along[:, 1])


def test_a_registration_counts_place_by_place():
    flat = CORE[CORE[:, 0] < CORNER[0] + 14.0]
    result = sx.m3c2(BEFORE, AFTER, core_points=flat, registration=Turned(), **SIZES)
    bare = sx.m3c2(BEFORE, AFTER, core_points=flat, registration_sigma_m=0.0, **SIZES)
    good = result.reason == 0
    sigma = Turned().sigma_at(flat, result.normals)
    np.testing.assert_allclose((result.lod95 - bare.lod95)[good], 1.959964 * sigma[good], rtol=1e-6)
    assert not result.registration_unknown
    assert result.registration_sigma_m == pytest.approx(np.sqrt(np.mean(sigma**2)))
    assert "registration_sigma_m" in result.to_scan().attribute_names


def test_false_discovery_control_comes_with_the_result():
    still = sx.m3c2(BEFORE, rough(20_000, 5), core_points=CORE, fdr=0.05, registration_sigma_m=0.0, **SIZES)
    assert still.significant.sum() > 10
    assert still.significant_fdr.sum() <= 1
    np.testing.assert_array_equal(still.p_value < 0.05, still.significant)
    moved = sx.m3c2(BEFORE, AFTER, core_points=CORE, fdr=0.05, registration_sigma_m=0.0, **SIZES)
    assert moved.significant_fdr.sum() > 0.5 * len(CORE)
    assert not (moved.significant_fdr & ~moved.significant).any()


@pytest.mark.parametrize(
    ("changes", "error", "text"),
    [
        ({"normal_radius_m": [0.5, -1.0]}, ParameterError, "normal_radius_m is -1.0"),
        ({"normal_radius_m": []}, ParameterError, "normal_radius_m is nan"),
        ({"method": "mode"}, ParameterError, "expected 'mean' or 'median'"),
        ({"lod": "ep"}, ParameterError, "nobody states how well a range is measured"),
        ({"lod": "ep", "scanner": ScannerErrors(0.005)}, ParameterError, "needs the scanner of every point"),
        ({"lod": "ep", "method": "median"}, ParameterError, "errors of means propagate"),
        ({"scanner": ScannerErrors(0.005)}, ParameterError, "expected lod='ep'"),
        ({"registration": Turned(), "registration_sigma_m": 0.1}, ParameterError, "both given"),
        ({"fdr": 0.0}, ParameterError, "fdr is 0.0"),
        ({"core_points": np.empty((0, 3))}, GeometryError, "core points holds no points"),
    ],
)
def test_options_that_do_not_fit_are_refused(changes, error, text):
    with pytest.raises(error, match=text):
        sx.m3c2(BEFORE, AFTER, **{**SIZES, **changes})
    with pytest.raises(ParameterError, match="vertical_sigma_rad is -1"):
        ScannerErrors(vertical_sigma_rad=-1)
