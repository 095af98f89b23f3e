"""Fits the tailings runout model to past failures and scores it by leaving each record out in turn.

Usage: python benchmarks/runout.py [--records ../shared/data/tailings/dam_failures_part.csv] [--write]
"""

import argparse
import tomllib
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.special import stdtrit

from sxrisk.reach.runout import Regression, RunoutModel

ROOT = Path(__file__).resolve().parents[1]
MODEL = ROOT / "sxrisk" / "reach" / "runout.toml"
RECORDS = ROOT.parent / "shared" / "data" / "tailings" / "dam_failures_part.csv"
COLUMNS = {
    "DAM HEIGHT (meters)": "height_m",
    "STORAGE VOLUME (cu. meters)": "volume_m3",
    "RELEASE (cu. meters)": "released_m3",
    "RUNOUT (km)": "runout_km",
}
LEAST_SHARE = 0.01
LEVELS = (np.arange(400) + 0.5) / 400
HEAD = """\
# Coefficients of sxrisk.tailings_runout, fitted by benchmarks/runout.py; do not edit by hand.
source = "Center for Science in Public Participation (CSP2), tailings dam failures 1915-2022, 246 of its 376 rows"
form = "log10 VF = a + b log10 V + c log10 H (VF, V in m3, H in m; VF <= V); log10 L = d + f log10 VF (L in km)"
"""


def read_failures(path: Path) -> tuple[pd.DataFrame, list[str]]:
    """Records as numbers, NaN where there is none, and what was done to them."""
    raw = pd.read_csv(path, encoding="utf-8-sig", dtype="str")
    raw.columns = [" ".join(name.split()) for name in raw.columns]
    frame = pd.DataFrame(
        {new: pd.to_numeric(raw[old].str.replace(",", ""), errors="coerce") for old, new in COLUMNS.items()}
    )
    unread = int(sum(raw[old].notna().sum() for old in COLUMNS) - frame.notna().sum().sum())
    positive = frame.where(frame > 0)
    zeros = int(frame.notna().sum().sum() - positive.notna().sum().sum())
    over = positive["released_m3"] > positive["volume_m3"]
    positive.loc[over, "released_m3"] = np.nan
    # The same event entered twice: height, volume and runout are the same, the releases differ by less than 1 %.
    full = positive.dropna()
    same = full.assign(released_m3=full["released_m3"].map(lambda v: round(float(np.log10(v)) * 100)))
    twice = full.index[same.duplicated()]
    # Less than a hundredth of what is stored leaves by a pipe or a crack, not by a broken dam.
    leaks = positive["released_m3"] < LEAST_SHARE * positive["volume_m3"]
    steps = [
        f"{len(raw)} rows; {unread} entries that are no plain number (text, other units) and {zeros} of 0 left out",
        f"{int(over.sum())} releases above the stored volume left out; {len(twice)} events entered twice taken once",
        f"{int(leaks.sum())} leaks of less than {LEAST_SHARE:.0%} of the stored volume kept from the fit",
    ]
    return positive.assign(leak=leaks).drop(index=twice).reset_index(drop=True), steps


def fit(frame: pd.DataFrame) -> RunoutModel:
    """Model of the dam breaks among some records."""
    frame = frame[~frame["leak"]]
    columns = ("volume_m3", "height_m", "released_m3", "runout_km")
    return RunoutModel.fit(*(frame[name].to_numpy(dtype=np.float64) for name in columns))


def constant(frame: pd.DataFrame) -> np.ndarray:
    """Quantiles of log10 runout (km) that a model without predictors has, fitted to the records of the runout line."""
    used = frame[~frame["leak"]].dropna(subset=["height_m", "released_m3", "runout_km"])
    line = Regression.fit(np.ones((len(used), 1)), np.log10(used["runout_km"].to_numpy()))
    middle, scale = line.predict(np.ones((1, 1)))
    return np.asarray(middle + scale * stdtrit(line.freedom, LEVELS))


def crps(quantiles: np.ndarray, observed: float) -> float:
    """Continuous ranked probability score of a distribution given by its quantiles at LEVELS."""
    rank = 2 * np.arange(1, len(quantiles) + 1) - len(quantiles) - 1
    return float(np.abs(quantiles - observed).mean() - (rank * np.sort(quantiles)).sum() / len(quantiles) ** 2)


def rico(volume_m3: float, height_m: float) -> float:
    """Runout in km, Rico et al. 2008."""
    released = min(0.354 * (volume_m3 / 1e6) ** 1.01, volume_m3 / 1e6)
    return float(1.61 * (height_m * released) ** 0.66)


def concha_larrauri(volume_m3: float, height_m: float) -> float:
    """Runout in km, Concha Larrauri and Lall 2018."""
    stored = volume_m3 / 1e6
    released = min(0.332 * stored**0.95, stored)
    return float(3.04 * (height_m * released / stored * released) ** 0.545)


def leave_one_out(frame: pd.DataFrame, interval: float = 0.8) -> pd.DataFrame:
    """A row for each record with volume, height and runout, leaks too: what the models say that have not seen it."""
    rows = []
    for k in frame.dropna(subset=["volume_m3", "height_m", "runout_km"]).index:
        record, others = frame.loc[k], frame.drop(index=k)
        sizes = np.array([record["volume_m3"]]), np.array([record["height_m"]])
        ours = np.log10(fit(others).runout_m(*sizes, LEVELS)[:, 0] / 1000.0)
        seen, tail = float(np.log10(record["runout_km"])), (1.0 - interval) / 2.0
        row = {"rico": rico(*record[["volume_m3", "height_m"]]) / record["runout_km"]}
        row["concha_larrauri"] = concha_larrauri(*record[["volume_m3", "height_m"]]) / record["runout_km"]
        for name, said in (("model", ours), ("constant", constant(others))):
            low, high = np.quantile(said, [tail, 1.0 - tail])
            row |= {
                f"{name}_median": 10 ** float(np.median(said)) / record["runout_km"],
                f"{name}_inside": low <= seen <= high,
                f"{name}_width_log10": high - low,
                f"{name}_width_km": 10**high - 10**low,
                f"{name}_crps_log10": crps(said, seen),
                f"{name}_crps_km": crps(10**said, 10**seen),
            }
        rows.append(row)
    return pd.DataFrame(rows)


def write(model: RunoutModel) -> None:
    """The package's copy of the coefficients."""
    content = model.as_dict()
    lines = [HEAD.rstrip()]
    for key, value in content.items():
        if not isinstance(value, dict):
            lines.append(f"{key} = {list(value) if isinstance(value, tuple) else value}")
    for name in ("released", "runout"):
        lines += ["", f"[{name}]"]
        for key, value in content[name].items():
            plain = [list(v) if isinstance(v, tuple) else v for v in value] if isinstance(value, tuple) else value
            lines.append(f"{key} = {plain}")
    MODEL.write_text("\n".join(lines) + "\n", encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--records", type=Path, default=RECORDS)
    parser.add_argument("--write", action="store_true", help="write the package's coefficients anew")
    options = parser.parse_args()
    frame, steps = read_failures(options.records)
    print(*steps, sep="\n")
    model = fit(frame)
    if options.write:
        write(model)
    shipped = RunoutModel.of(tomllib.loads(MODEL.read_text(encoding="utf-8")))
    for name, line in (("released volume", model.released), ("runout", model.runout)):
        error = line.spread * np.sqrt(np.diag(np.asarray(line.covariance)))
        told = ", ".join(f"{c:.3f} +- {e:.3f}" for c, e in zip(line.coefficients, error, strict=True))
        print(
            f"{name}: {line.freedom + len(error)} records; coefficients {told}; residual spread {line.spread:.3f} log10"
        )
    gap = max(
        abs(a - b)
        for mine, theirs in ((model.released, shipped.released), (model.runout, shipped.runout))
        for a, b in zip(mine.coefficients, theirs.coefficients, strict=True)
    )
    print(f"shipped coefficients differ from these by at most {gap:.1e}")
    scores = leave_one_out(frame)
    print(f"\nleave-one-out on {len(scores)} records with volume, height and runout")
    print(f"{'':24}{'coverage':>9}{'width':>8}{'width':>9}{'CRPS':>8}{'CRPS':>8}{'median off':>12}")
    print(f"{'':24}{'of 80 %':>9}{'log10':>8}{'km':>9}{'log10':>8}{'km':>8}{'by factor':>12}")
    for name in ("model", "constant"):
        take = {key: scores[f"{name}_{key}"] for key in ("width_log10", "width_km", "crps_log10", "crps_km")}
        off = 10 ** np.abs(np.log10(scores[f"{name}_median"])).median()
        print(
            f"{name:24}{100 * scores[f'{name}_inside'].mean():8.0f}%{take['width_log10'].median():8.2f}"
            f"{take['width_km'].median():9.1f}{take['crps_log10'].mean():8.3f}{take['crps_km'].mean():8.2f}{off:12.1f}"
        )
    for name, title in (("rico", "Rico et al. 2008"), ("concha_larrauri", "Concha Larrauri, Lall")):
        ratio = scores[name]
        off, far = 10 ** np.abs(np.log10(ratio)).median(), 100 * (np.abs(np.log10(ratio)) > 1).mean()
        print(f"{title:24}{'-':>9}{'-':>8}{'-':>9}{'-':>8}{'-':>8}{off:12.1f}   off by more than 10x: {far:.0f} %")


if __name__ == "__main__":
    main()
