"""Control targets: points known in both scans."""

from itertools import combinations
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from sxrisk.errors import GeometryError, MissingFieldError, ParameterError
from sxrisk.scans.registration._equations import Equations, cross_matrix, moved, small_motion

__all__ = ["COLUMNS", "Targets", "adjust", "read_targets", "rigid"]

Floats = npt.NDArray[np.float64]

MOVING = ("moving_x", "moving_y", "moving_z")
FIXED = ("fixed_x", "fixed_y", "fixed_z")
COLUMNS = ("name", *MOVING, *FIXED, "sigma_m")
# Chance of 0.1 % for three normal errors.
_GROSS = 4.03
_MOST_TRIPLES = 2000


class Targets(NamedTuple):
    """Targets in local coordinates: names, places (n, 3) in both scans, 1 sigma of a coordinate (n,), the used ones."""

    names: tuple[str, ...]
    moving: Floats
    fixed: Floats
    sigma: Floats
    used: npt.NDArray[np.bool_]

    def residuals(self, matrix: Floats) -> Floats:
        """What is left (n, 3) after a motion, moving minus fixed, metres."""
        return moved(matrix, self.moving) - self.fixed

    def equations(self, matrix: Floats) -> Equations:
        """Their part of the normal equations at a motion."""
        information, right = np.zeros((6, 6)), np.zeros(6)
        for place, residual, sigma, used in zip(
            moved(matrix, self.moving), self.residuals(matrix), self.sigma, self.used, strict=True
        ):
            if used:
                design = np.hstack([-cross_matrix(place), np.eye(3)])
                information += design.T @ design / sigma**2
                right -= design.T @ residual / sigma**2
        return Equations(information, np.zeros((6, 6)), right)

    def start(self) -> Floats | None:
        """The motion (4, 4) that most of at least three targets agree on; None where they do not give one."""
        best, least = None, np.inf
        triples = list(combinations(range(len(self.names)), 3))
        for triple in triples[:: max(1, len(triples) // _MOST_TRIPLES)]:
            chosen = list(triple)
            sides = self.fixed[chosen] - self.fixed[chosen].mean(axis=0)
            if np.linalg.svd(sides, compute_uv=False)[1] < 10.0 * float(self.sigma[chosen].max()):
                continue  # three targets on a line leave a turn open
            matrix = rigid(self.moving[chosen], self.fixed[chosen])
            score = float(np.median(np.linalg.norm(self.residuals(matrix), axis=1) / self.sigma))
            if score < least:
                best, least = matrix, score
        return best

    def without_gross(self, matrix: Floats, allowed_m: float = 0.0) -> "Targets":
        """The same with targets that miss by more than chance (and `allowed_m` more) left unused."""
        miss = np.linalg.norm(self.residuals(matrix), axis=1)
        return self._replace(used=miss <= _GROSS * np.hypot(self.sigma, allowed_m))

    def report(self, matrix: Floats) -> pd.DataFrame:
        """Residuals of each target: ``name, dx_m, dy_m, dz_m, miss_m, sigma_m, outlier``."""
        left = self.residuals(matrix)
        return pd.DataFrame(
            {
                "name": list(self.names),
                "dx_m": left[:, 0],
                "dy_m": left[:, 1],
                "dz_m": left[:, 2],
                "miss_m": np.linalg.norm(left, axis=1),
                "sigma_m": self.sigma,
                "outlier": ~self.used,
            }
        )


def read_targets(table: Any, origin: Floats) -> Targets:
    """Targets of a table with the columns :data:`COLUMNS`, in offsets from `origin`.

    Raises
    ------
    MissingFieldError
        If a column is missing.
    ParameterError
        If there is none, a coordinate is not finite, or a sigma is not positive.
    """
    frame = pd.DataFrame(table)
    missing = [name for name in COLUMNS if name not in frame.columns]
    if missing:
        raise MissingFieldError(
            f"no column {', '.join(missing)}", where="targets", expected=f"the columns {', '.join(COLUMNS)}"
        )
    values = frame[list(COLUMNS[1:])].to_numpy(dtype=np.float64)
    bad = ~np.isfinite(values).all(axis=1) | ~(values[:, 6] > 0)
    if not len(frame) or bad.any():
        row = int(np.flatnonzero(bad)[0]) if len(frame) else 0
        what = f"target {frame['name'].iloc[row]!r} has {values[row].tolist()}" if len(frame) else "no target"
        raise ParameterError(what, where="targets", expected="finite coordinates and a sigma_m above 0")
    names = tuple(str(name) for name in frame["name"])
    used = np.ones(len(frame), dtype=bool)
    return Targets(names, values[:, :3] - origin, values[:, 3:6] - origin, values[:, 6], used)


def rigid(moving: Floats, fixed: Floats) -> Floats:
    """The motion (4, 4) with the least sum of squares between two sets of points (n, 3), n at least 3."""
    a, b = moving.mean(axis=0), fixed.mean(axis=0)
    u, _, vt = np.linalg.svd((moving - a).T @ (fixed - b))
    flip = np.diag([1.0, 1.0, np.sign(np.linalg.det(vt.T @ u.T))])
    matrix: Floats = np.eye(4)
    matrix[:3, :3] = vt.T @ flip @ u.T
    matrix[:3, 3] = b - matrix[:3, :3] @ a
    return matrix


def adjust(targets: Targets) -> tuple[Floats, Floats, Targets]:
    """The motion (4, 4) of the targets alone, its covariance (6, 6), and the targets with the gross ones unused.

    Raises
    ------
    GeometryError
        If they do not determine a motion.
    """
    matrix = targets.start()
    if matrix is None:
        raise GeometryError(
            f"{len(targets.names)} targets do not determine a motion",
            where="targets",
            expected="at least three that do not stand on one line",
        )
    used = targets
    for _ in range(20):
        used = used.without_gross(matrix)
        if used.used.sum() < 3:
            raise GeometryError(
                "no three targets agree with each other within their sigma_m",
                where="targets",
                expected="targets that keep their distances from one scan to the other",
                remedy="Check their names and coordinates, or state a larger sigma_m",
            )
        equations = used.equations(matrix)
        motion = np.linalg.solve(equations.information, equations.right).astype(np.float64)
        matrix = small_motion(motion) @ matrix
        if float(np.abs(motion).max()) < 1e-12:
            break
    left = used.residuals(matrix)[used.used] / used.sigma[used.used, None]
    spare = left.size - 6
    # The sigmas stated may be too good; residuals say so, but few of them cannot say that they are too bad.
    factor = max(1.0, float((left**2).sum()) / spare) if spare else 1.0
    covariance: Floats = np.linalg.inv(used.equations(matrix).information).astype(np.float64) * factor
    return matrix, covariance, used
