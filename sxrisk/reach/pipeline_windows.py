"""What a window of fixed length that slides along a pipeline holds, for any placement, exactly.

A window is the piece of a run between c and c + L. It holds an object when any of its places is within reach of it, so
an object whose stretch within reach is [a, b] is held for c from a - L to b, and for no other c: a distance to the
window itself, ends included, not to the whole line. What the window holds changes only at these values, so that going
through them in order meets every placement there is; none is sampled. A run shorter than L is one window.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

__all__ = ["WindowSweep", "held_from_to", "sweep_windows", "wholly_held_from_to"]

Array = NDArray[np.float64]
Index = NDArray[np.intp]
Mask = NDArray[np.bool_]


def held_from_to(stretches: pd.DataFrame, run_length_m: Array, unit_length_m: float) -> pd.DataFrame:
    """Placements for which each object is held by the window.

    Parameters
    ----------
    stretches : DataFrame
        From :func:`sxrisk.reach.near_stretches`, sorted by run, object and start.
    run_length_m : ndarray of shape (n_runs,)
    unit_length_m : float
        Length of the window, m.

    Returns
    -------
    DataFrame
        run, object, from_m, to_m: values of the window's start c; those of one object do not overlap.

    Examples
    --------
    >>> near = pd.DataFrame({"run": [0], "object": [0], "from_m": [2500.0], "to_m": [2900.0]})
    >>> held_from_to(near, np.array([4000.0]), 2000.0)[["from_m", "to_m"]].values.tolist()
    [[500.0, 2000.0]]
    """
    run, item = stretches["run"].to_numpy(), stretches["object"].to_numpy()
    last = np.maximum(run_length_m[run] - unit_length_m, 0.0)
    begin = np.maximum(stretches["from_m"].to_numpy() - unit_length_m, 0.0)
    end = np.minimum(stretches["to_m"].to_numpy(), last)
    fresh = np.ones(len(run), dtype=bool)
    # Stretches of one object are sorted and apart, so both ends of the placements grow as well.
    fresh[1:] = (run[1:] != run[:-1]) | (item[1:] != item[:-1]) | (begin[1:] > end[:-1])
    first = np.flatnonzero(fresh)
    final = np.append(first[1:], len(run)) - 1 if len(first) else first
    return pd.DataFrame({"run": run[first], "object": item[first], "from_m": begin[first], "to_m": end[final]})


def wholly_held_from_to(stretches: pd.DataFrame, run_length_m: Array, unit_length_m: float) -> pd.DataFrame:
    """Placements for which the window holds every place of the run that is within reach of an object.

    For an object whose whole outline is within reach of the run these windows surely hold all of it. Columns as
    :func:`held_from_to`; an object that reaches farther along the run than the window is long has no row.
    """
    whole = stretches.groupby(["run", "object"], as_index=False).agg(low=("from_m", "min"), high=("to_m", "max"))
    last = np.maximum(run_length_m[whole["run"]] - unit_length_m, 0.0)
    begin = np.maximum(whole["high"] - unit_length_m, 0.0)
    end = np.minimum(whole["low"], last)
    return whole[["run", "object"]].assign(from_m=begin, to_m=end)[begin <= end].reset_index(drop=True)


@dataclass(frozen=True)
class WindowSweep:
    """Every state that the window goes through.

    Parameters
    ----------
    run : ndarray of shape (n,)
        Ascending.
    start_m : ndarray of shape (n,)
        Value of c from which the state holds, ascending in a run; it holds until the next one.
    held : ndarray of shape (n, k)
        Sum of each weight over what the window holds.
    real : ndarray of bool, shape (n,)
        False for a state between two changes at the same c, which no window is in.
    """

    run: Index
    start_m: Array
    held: Array
    real: Mask

    def placements(self, condition: Mask) -> pd.DataFrame:
        """Unbroken ranges of c in which the states meet a condition.

        Parameters
        ----------
        condition : ndarray of bool, shape (n,)
            One value for each state.

        Returns
        -------
        DataFrame
            run, from_m, to_m, and first and last (exclusive), the states.
        """
        met = condition & self.real
        # A state that no window is in does not interrupt what holds on both sides of it.
        kept = np.flatnonzero(self.real)
        run, on = self.run[kept], met[kept]
        new_run = np.concatenate([[True], run[1:] != run[:-1]]) if len(run) else np.empty(0, dtype=bool)
        opens = np.flatnonzero(on & (new_run | ~np.concatenate([[False], on[:-1]])))
        shut = np.concatenate([~on[1:] | new_run[1:], [True]]) if len(run) else np.empty(0, dtype=bool)
        closes = np.flatnonzero(on & shut)
        # The state holds until the next change of the same run; the last one of a run holds at one placement at least.
        after = np.minimum(closes + 1, len(kept) - 1)
        goes_on = (run[after] == run[closes]) & (after > closes)
        end = np.where(goes_on, self.start_m[kept[after]], self.start_m[kept[closes]]) if len(closes) else np.empty(0)
        return pd.DataFrame(
            {
                "run": run[opens],
                "from_m": self.start_m[kept[opens]],
                "to_m": end,
                "first": kept[opens],
                "last": kept[closes] + 1,
            }
        )

    def greatest(self, run: int, from_m: float, to_m: float, column: int, allowed: Mask | None = None) -> float:
        """Greatest sum of a weight over the windows that begin between two values of c; 0 where there is none.

        Parameters
        ----------
        run : int
        from_m, to_m : float
        column : int
        allowed : ndarray of bool, shape (n,), optional
            States that count.

        Returns
        -------
        float
        """
        low, high = np.searchsorted(self.run, [run, run + 1])
        # A state that began before from_m holds there too.
        first = low + max(int(np.searchsorted(self.start_m[low:high], from_m)) - 1, 0)
        last = low + int(np.searchsorted(self.start_m[low:high], to_m, side="right"))
        chosen = self.real[first:last] if allowed is None else self.real[first:last] & allowed[first:last]
        return float(self.held[first:last, column][chosen].max(initial=0.0))


def sweep_windows(placements: pd.DataFrame, weights: ArrayLike) -> WindowSweep:
    """Go through every placement of the window at which what it holds changes.

    Parameters
    ----------
    placements : DataFrame of n rows
        run, from_m, to_m: closed ranges of c for which the window holds something.
    weights : array_like of shape (n, k)
        What it counts for, in k ways.

    Returns
    -------
    WindowSweep

    Examples
    --------
    Two houses whose stretches end and begin at the same place are held together by the one window that ends there.

    >>> ranges = pd.DataFrame({"run": [0, 0], "from_m": [0.0, 300.0], "to_m": [300.0, 500.0]})
    >>> sweep = sweep_windows(ranges, [[1.0], [1.0]])
    >>> sweep.start_m[sweep.real].tolist(), sweep.held[sweep.real, 0].tolist()
    ([0.0, 300.0, 300.0, 500.0], [1.0, 2.0, 1.0, 0.0])
    """
    weight = np.asarray(weights, dtype=np.float64)
    run = np.tile(placements["run"].to_numpy(dtype=np.intp), 2)
    at = np.concatenate([placements["from_m"].to_numpy(dtype=float), placements["to_m"].to_numpy(dtype=float)])
    leaves = np.repeat([False, True], len(placements))
    # The ranges are closed: at one place, what enters does so before anything leaves.
    order = np.lexsort((leaves, at, run))
    run, at, leaves = run[order], at[order], leaves[order]
    held = np.cumsum(np.vstack([weight, -weight])[order], axis=0)
    same = (run[1:] == run[:-1]) & (at[1:] == at[:-1]) & (leaves[1:] == leaves[:-1])
    return WindowSweep(run, at, held, np.append(~same, True) if len(run) else np.empty(0, dtype=bool))
