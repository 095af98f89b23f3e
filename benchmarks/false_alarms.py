"""How often the level of detection is exceeded where nothing moved, and what false-discovery control leaves of it.

    python benchmarks/false_alarms.py                 # all tables
    python benchmarks/false_alarms.py --constants     # the constants of change/_median_errors.py

Independent Gaussian noise without registration error unless said otherwise; all runs are seeded. The nominal rate
is 5 %.
"""

import argparse

import numpy as np
from scipy.ndimage import gaussian_filter

import sxrisk as sx
from sxrisk.change import false_discoveries, level_of_detection
from sxrisk.change.detection import IQR_TO_SIGMA, difference_noise, p_values

SIGMA_M = 0.01
EQUAL = [(n, n) for n in (3, 5, 10, 20, 50, 100, 1000)]
UNEQUAL = [(3, 1000), (5, 10), (5, 50), (5, 1000), (10, 100), (10, 1000), (50, 1000), (100, 1000)]


def quarter(values: np.ndarray, quarters: int) -> np.ndarray:
    """Quantile of sorted rows, averaged at the steps of the sample, as the kernels take it."""
    n = values.shape[1]
    k = quarters * n // 4
    return values[:, k] if quarters * n % 4 else 0.5 * (values[:, k - 1] + values[:, k])


def samples(rng: np.random.Generator, trials: int, n: int, median: bool) -> tuple[np.ndarray, np.ndarray]:
    """Mean and variance, or median and the square of IQR / 1.349, of `trials` samples of n points."""
    values = rng.normal(0.0, SIGMA_M, (trials, n))
    if not median:
        return values.mean(axis=1), values.var(axis=1, ddof=1)
    values.sort(axis=1)
    return quarter(values, 2), ((quarter(values, 3) - quarter(values, 1)) * IQR_TO_SIGMA) ** 2


def exceedance(n1: int, n2: int, lod: str, statistic: str, trials: int = 100_000, seed: int = 1) -> float:
    """Share of places whose distance exceeds its level of detection although nothing moved."""
    rng = np.random.default_rng([seed, n1, n2])
    raised, left = 0, trials
    while left:
        block = min(left, max(1, 4_000_000 // max(n1, n2)))
        (m1, v1), (m2, v2) = (samples(rng, block, n, statistic == "median") for n in (n1, n2))
        limit = level_of_detection(v1, np.full(block, n1), v2, np.full(block, n2), method=lod, statistic=statistic)
        raised += int((np.abs(m2 - m1) > limit).sum())
        left -= block
    return raised / trials


def table(pairs: list[tuple[int, int]], trials: int) -> None:
    forms = [("t", "mean"), ("lague", "mean"), ("t", "median"), ("lague", "median")]
    print(f"{'n reference':>12}{'n compared':>12}" + "".join(f"{f'{lod}, {stat}':>16}" for lod, stat in forms))
    for n1, n2 in pairs:
        # At a thousand points a tenth of the trials says the same.
        count = trials if max(n1, n2) < 1000 else trials // 5
        shares = [exceedance(n1, n2, lod, stat, count) for lod, stat in forms]
        print(f"{n1:>12}{n2:>12}" + "".join(f"{100 * share:>14.2f} %" for share in shares))


def correlated_clouds(length_m: float, seed: int, n: int = 120_000, size: float = 40.0) -> list[np.ndarray]:
    """Two epochs of one plane: 5 mm of the noise is shared over `length_m` (wobble, refraction), 8 mm is not."""
    rng = np.random.default_rng(seed)
    clouds = []
    for _ in range(2):
        xy = rng.uniform(0.0, size, (n, 2))
        z = rng.normal(0.0, 0.008, n)
        if length_m > 0:
            cell = length_m / 4.0
            field = gaussian_filter(rng.normal(size=(int(size / cell) + 1,) * 2), 2.0, mode="wrap")
            field *= 0.005 / field.std()
            z += field[tuple((xy / cell).astype(int).T)]
        else:
            z += rng.normal(0.0, 0.005, n)
        clouds.append(np.column_stack([xy, z]))
    return clouds


def through_clouds() -> None:
    print(f"{'correlation':>12}{'t':>10}{'lague':>10}{'fdr 5 %':>10}   share of core points called changed")
    for length in (0.0, 0.1, 0.25, 0.5, 1.0, 2.0, 5.0):
        shares = []
        for seed in range(2):
            before, after = correlated_clouds(length, seed)
            sizes = {"core_spacing_m": 0.5, "normal_radius_m": 1.0, "cylinder_radius_m": 0.25, "max_depth_m": 0.5}
            found = [
                sx.m3c2(before, after, registration_sigma_m=0.0, lod=lod, fdr=0.05, **sizes) for lod in ("t", "lague")
            ]
            good = found[0].reason == 0
            shares.append([*(np.mean(r.significant[good]) for r in found), np.mean(found[0].significant_fdr[good])])
        t, lague, fdr = 100.0 * np.mean(shares, axis=0)
        name = "none" if length == 0 else f"{length:g} m"
        print(f"{name:>12}{t:>8.2f} %{lague:>8.2f} %{fdr:>8.2f} %")


def discoveries(n: int, moved: float, change_m: float, rule: str, seed: int, m: int = 100_000) -> tuple[int, int, int]:
    """Called places that did not move, that did, and the number that did."""
    rng = np.random.default_rng([seed, n])
    true = np.arange(m) < moved * m
    middle, variance = [], []
    for _ in range(2):
        # Mean and variance of n Gaussian points are independent: nothing else needs to be drawn.
        middle.append(rng.normal(0.0, SIGMA_M / np.sqrt(n), m))
        variance.append(SIGMA_M**2 * rng.chisquare(n - 1, m) / (n - 1))
    counts = np.full(m, n)
    p = p_values(middle[1] - middle[0] + change_m * true, difference_noise(variance[0], counts, variance[1], counts))
    called = p < 0.05 if rule == "each" else false_discoveries(p, 0.05, dependence=rule)
    return int((called & ~true).sum()), int((called & true).sum()), int(true.sum())


def false_discovery_table(runs: int = 40) -> None:
    print("100 000 places; nothing moved: share of runs in which anything is called changed")
    rules = ("each", "positive", "any")
    print(f"{'n':>6}" + "".join(f"{rule:>12}" for rule in rules))
    for n in (5, 10, 20):
        shares = [np.mean([discoveries(n, 0.0, 0.0, rule, seed)[0] > 0 for seed in range(runs)]) for rule in rules]
        print(f"{n:>6}" + "".join(f"{100 * share:>10.1f} %" for share in shares))
    print("1 % moved by the given number of noise sigma, n = 10: false share of the called / found share of the moved")
    for change in (1.0, 2.0, 3.0, 4.0):
        cells = []
        for rule in rules:
            false, found, moved = np.sum([discoveries(10, 0.01, change * SIGMA_M, rule, s) for s in range(5)], axis=0)
            cells.append(f"{100 * false / max(1, false + found):.1f} / {100 * found / moved:.1f} %")
        print(f"{change:>6g}" + "".join(f"{cell:>18}" for cell in cells))


def constants(trials: int = 2_000_000) -> None:
    """Print n, factor and degrees of freedom of the median's squared standard error."""
    rng = np.random.default_rng(1)
    for n in range(2, 33):
        parts = [samples(rng, trials // 8, n, True) for _ in range(8)]
        middle, square = (np.concatenate(column) for column in zip(*parts, strict=True))
        factor, freedom = n * middle.var() / square.mean(), 2.0 * square.mean() ** 2 / square.var()
        print(f"{n:>4}{factor:>9.3f}{freedom:>9.2f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trials", type=int, default=100_000)
    parser.add_argument("--constants", action="store_true")
    options = parser.parse_args()
    if options.constants:
        constants()
        return
    print("Exceedance of lod95, independent Gaussian noise")
    table(EQUAL, options.trials)
    table(UNEQUAL, options.trials)
    print("\nSpatially correlated noise: M3C2 on two planes that did not move (10 points a cylinder or more)")
    through_clouds()
    print("\nFalse-discovery control")
    false_discovery_table()


if __name__ == "__main__":
    main()
