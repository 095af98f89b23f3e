"""All stations of one epoch brought together so that the loops between them close."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial.transform import Rotation

from sxrisk.errors import GeometryError, MissingFieldError, ParameterError
from sxrisk.scans.registration._equations import cross_matrix, moved, small_motion
from sxrisk.scans.registration.fine import register
from sxrisk.scans.registration.result import Registration
from sxrisk.scans.scan import Scan

__all__ = ["StationNetwork", "register_stations"]

Floats = npt.NDArray[np.float64]
Pair = tuple[int, int]

TARGET_COLUMNS = ("name", "station", "x", "y", "z", "sigma_m")
_LEAST_OVERLAP = 0.05
# 99.9 % of a squared error of six unknowns, and its median.
_GROSS, _MEDIAN = 22.46, 5.35


@dataclass(frozen=True, repr=False)
class StationNetwork:
    """Stations in the frame of one of them, how well each is known, and how well the loops close.

    Parameters
    ----------
    names : tuple of str
        Of the stations' scans, made different by their number.
    fixed : int
        Station whose frame this is.
    origin : ndarray of shape (3,)
        Where the motions are stated about.
    matrices : ndarray of shape (k, 4, 4)
        Each station's motion, for offsets from `origin`.
    covariances : ndarray of shape (k, 6, 6)
        Of a small turn (rad) and shift (m) about `origin`; zero for the fixed one.
    sigma_m : ndarray of shape (k,)
        1 sigma of each station against the network along any direction, at its own core points, metres.
    edges : DataFrame
        One row a pair that overlaps: ``moving, fixed, overlap, agreement, n, sigma_m``, ``misclosure_m`` (root mean
        square at the core points) and ``misclosure_mrad`` against the joint solution, and whether it was ``used``.
    loops : DataFrame
        Every triangle of used pairs: ``stations``, ``shift_m`` at its middle and ``turn_mrad`` left after going round.
    registrations : dict
        The pair's own registration by (moving, fixed).
    """

    names: tuple[str, ...]
    fixed: int
    origin: Floats
    matrices: Floats
    covariances: Floats
    sigma_m: Floats
    edges: pd.DataFrame
    loops: pd.DataFrame
    registrations: dict[Pair, Registration]

    def __repr__(self) -> str:
        worst = float(self.loops["shift_m"].max()) if len(self.loops) else float("nan")
        return (
            f"<StationNetwork of {len(self.names)} stations, {int(self.edges['used'].sum())} pairs, {len(self.loops)} "
            f"loops that close to {1e3 * worst:.2f} mm, sigma up to {1e3 * float(self.sigma_m.max()):.2f} mm>"
        )

    def apply(self, scans: Sequence[Scan]) -> list[Scan]:
        """The stations' scans in the network's frame, each carrying its sigma as registration uncertainty.

        Raises
        ------
        ParameterError
            If there are not as many scans as stations.
        """
        if len(scans) != len(self.names):
            raise ParameterError(f"{len(scans)} scans", where="apply", expected=f"{len(self.names)}, one a station")
        placed = []
        for scan, matrix, sigma in zip(scans, self.matrices, self.sigma_m, strict=True):
            stations = None if scan.stations is None else moved(matrix, scan.stations - self.origin) + self.origin
            placed.append(
                scan.replace(
                    xyz=moved(matrix, scan.xyz - self.origin) + self.origin,
                    stations=stations,
                    registration_sigma_m=float(sigma),
                )
            )
        return placed


def register_stations(
    scans: Sequence[Scan],
    *,
    fixed: int = 0,
    targets: Any = None,
    coarse: bool | Literal["auto"] = "auto",
    max_distance_m: float = 4.0,
    neighbours: int = 20,
    max_points: int = 20_000,
) -> StationNetwork:
    """Bring the stations of one epoch together: pair by pair, then all at once so that loops close.

    Every pair is registered from the given positions; where that leaves stations apart, pairs across the gap are
    searched for by their features. The pairs' motions, weighted by their covariances, then decide together on one
    motion a station; a pair that contradicts the others grossly is left out where the rest still holds together.

    Parameters
    ----------
    scans : sequence of Scan
        One a station, at least two, roughly in one frame unless `coarse` finds it.
    fixed : int
        Number of the station that stays.
    targets : DataFrame, optional
        Targets seen: ``name, station, x, y, z, sigma_m`` with the station's number; those that two stations share tie
        them.
    coarse : bool or "auto"
        False never searches by features; True searches for every pair.
    max_distance_m : float
        How far apart the same surface may be at the start, metres.
    neighbours, max_points : int
        As in :func:`sxrisk.register`.

    Returns
    -------
    StationNetwork

    Raises
    ------
    ParameterError
        If there are fewer than two scans or `fixed` is none of them.
    GeometryError
        If stations do not overlap any that hangs together with the fixed one; they are listed.
    MissingFieldError
        If a column of `targets` is missing.

    References
    ----------
    Lu, F., Milios, E. (1997): Globally consistent range scan alignment for environment mapping. Autonomous Robots 4,
    333-349.
    """
    if len(scans) < 2 or not 0 <= fixed < len(scans):
        raise ParameterError(
            f"{len(scans)} scans, fixed station {fixed}", where="register_stations", expected="two or more, one fixed"
        )
    names = tuple(f"{number}: {scan.source}" if scan.source else str(number) for number, scan in enumerate(scans))
    seen = _seen(targets)
    origin = scans[fixed].origin
    options: dict[str, Any] = {"max_distance_m": max_distance_m, "neighbours": neighbours, "max_points": max_points}
    found: dict[Pair, Registration] = {}
    reasons: dict[Pair, str] = {}

    def attempt(moving: int, onto: int, how: bool) -> bool:
        control = _shared(seen, moving, onto)
        try:
            pair = register(scans[moving], scans[onto], targets=control, coarse=how, **options)
        except GeometryError as error:
            reasons[moving, onto] = error.problem.what
            return False
        if not pair.converged or pair.overlap < _LEAST_OVERLAP:
            reasons[moving, onto] = f"overlap {100 * pair.overlap:.0f} %, agreement {100 * pair.agreement:.0f} %"
            return False
        found[moving, onto] = pair.about(origin)
        return True

    pairs = [(j, i) for i, j in combinations(range(len(scans)), 2)]
    for moving, onto in pairs:
        attempt(moving, onto, coarse is True)
    if coarse == "auto":
        for moving, onto in pairs:
            label = _parts(len(scans), found)
            if label[moving] != label[onto]:
                attempt(moving, onto, True)
    _require_whole(names, found, fixed, reasons)
    return _joined(names, fixed, origin, found)


def _seen(targets: Any) -> pd.DataFrame | None:
    if targets is None:
        return None
    frame = pd.DataFrame(targets)
    missing = [name for name in TARGET_COLUMNS if name not in frame.columns]
    if missing:
        raise MissingFieldError(
            f"no column {', '.join(missing)}", where="targets", expected=f"the columns {', '.join(TARGET_COLUMNS)}"
        )
    return frame


def _shared(seen: pd.DataFrame | None, moving: int, onto: int) -> pd.DataFrame | None:
    if seen is None:
        return None
    one, other = (seen[seen["station"] == number].set_index("name") for number in (moving, onto))
    both = one.join(other, how="inner", lsuffix="_m", rsuffix="_f")
    if both.empty:
        return None
    places = {f"{role}_{axis}": both[f"{axis}_{role[0]}"] for role in ("moving", "fixed") for axis in "xyz"}
    return pd.DataFrame({**places, "sigma_m": np.hypot(both["sigma_m_m"], both["sigma_m_f"])}).reset_index()


def _parts(n: int, pairs: Any) -> npt.NDArray[np.int64]:
    """Number of the connected part (n,) that each station belongs to."""
    ends = np.array(sorted(pairs), dtype=np.int64).reshape(-1, 2)
    graph = csr_array((np.ones(len(ends)), (ends[:, 0], ends[:, 1])), shape=(n, n))
    label: npt.NDArray[np.int64] = connected_components(graph, directed=False)[1]
    return label


def _require_whole(
    names: tuple[str, ...], found: dict[Pair, Registration], fixed: int, reasons: dict[Pair, str]
) -> None:
    label = _parts(len(names), found)
    apart = [number for number in range(len(names)) if label[number] != label[fixed]]
    if apart:
        told = []
        for number in apart:
            tried = [text for pair, text in reasons.items() if number in pair]
            told.append(f"{names[number]} ({tried[-1]})" if tried else names[number])
        raise GeometryError(
            f"{len(apart)} of {len(names)} stations hang together with no other that reaches station {names[fixed]}: "
            + "; ".join(told),
            where="register_stations",
            expected="stations that overlap",
            remedy="Leave them out, add a station between, or give targets that both sides see",
        )


def _joined(names: tuple[str, ...], fixed: int, origin: Floats, found: dict[Pair, Registration]) -> StationNetwork:
    used = dict(found)
    while True:
        matrices, covariances = _adjusted(len(names), fixed, used)
        error = {pair: _squared_error(matrices, pair, found[pair]) for pair in used}
        worst = max(error, key=lambda pair: error[pair])
        scale = max(1.0, float(np.median(list(error.values()))) / _MEDIAN)
        rest = {pair: one for pair, one in used.items() if pair != worst}
        # A contradiction means something only where a loop makes it; half a millimetre is none.
        rough = _misclosure(matrices, worst, found[worst])[0] > max(5e-4, 3.0 * found[worst].sigma_m)
        whole = len(np.unique(_parts(len(names), rest))) == 1
        if not (error[worst] > _GROSS * scale and rough and whole):
            break
        used = rest
    rows = []
    for pair, one in sorted(found.items()):
        apart, turn = _misclosure(matrices, pair, one)
        rows.append({"moving": pair[0], "fixed": pair[1], "overlap": one.overlap, "agreement": one.agreement,
                     "n": one.n, "sigma_m": one.sigma_m, "misclosure_m": apart, "misclosure_mrad": turn,
                     "used": pair in used})  # fmt: skip
    return StationNetwork(
        names=names,
        fixed=fixed,
        origin=origin,
        matrices=matrices,
        covariances=covariances,
        sigma_m=np.array([_station_sigma(k, fixed, covariances[k], origin, used) for k in range(len(names))]),
        edges=pd.DataFrame(rows),
        loops=_loops(used, origin),
        registrations=found,
    )


def _adjusted(n: int, fixed: int, pairs: dict[Pair, Registration]) -> tuple[Floats, Floats]:
    """Motions (n, 4, 4) and covariances (n, 6, 6) that fit all pairs best."""
    matrices = _chained(n, fixed, pairs)
    free = [number for number in range(n) if number != fixed]
    place = {number: 6 * k for k, number in enumerate(free)}
    for _ in range(20):
        information, right = np.zeros((6 * len(free), 6 * len(free))), np.zeros(6 * len(free))
        for (moving, onto), pair in pairs.items():
            error, weight = _error(matrices, (moving, onto), pair)
            for one, sign in ((onto, 1.0), (moving, -1.0)):
                if one == fixed:
                    continue
                a = slice(place[one], place[one] + 6)
                right[a] -= sign * weight @ error
                for other, other_sign in ((onto, 1.0), (moving, -1.0)):
                    if other != fixed:
                        information[a, place[other] : place[other] + 6] += sign * other_sign * weight
        change = np.linalg.solve(information, right).astype(np.float64)
        for number in free:
            matrices[number] = small_motion(change[place[number] : place[number] + 6]) @ matrices[number]
        if float(np.abs(change).max()) < 1e-10:
            break
    covariances = np.zeros((n, 6, 6))
    inverse = np.linalg.inv(information)
    for number in free:
        a = slice(place[number], place[number] + 6)
        covariances[number] = inverse[a, a]
    return matrices, covariances


def _chained(n: int, fixed: int, pairs: dict[Pair, Registration]) -> Floats:
    """First motions (n, 4, 4): along the pairs outwards from the fixed station, the surest first."""
    matrices = np.tile(np.eye(4), (n, 1, 1))
    reached = {fixed}
    while len(reached) < n:
        across = [pair for pair in pairs if (pair[0] in reached) != (pair[1] in reached)]
        moving, onto = min(across, key=lambda pair: pairs[pair].sigma_m)
        if onto in reached:
            matrices[moving] = matrices[onto] @ pairs[moving, onto].matrix
            reached.add(moving)
        else:
            matrices[onto] = matrices[moving] @ np.linalg.inv(pairs[moving, onto].matrix)
            reached.add(onto)
    return matrices


def _error(matrices: Floats, pair: Pair, one: Registration) -> tuple[Floats, Floats]:
    """By how much (6,) a pair contradicts the stations' motions, and its weight (6, 6) in the network's frame."""
    moving, onto = pair
    gap = matrices[onto] @ one.matrix @ np.linalg.inv(matrices[moving])
    turn = matrices[onto][:3, :3]
    carry = np.zeros((6, 6))
    carry[:3, :3] = carry[3:, 3:] = turn
    carry[3:, :3] = cross_matrix(matrices[onto][:3, 3]) @ turn
    weight = np.linalg.inv(carry @ one.covariance @ carry.T)
    return np.concatenate([Rotation.from_matrix(gap[:3, :3]).as_rotvec(), gap[:3, 3]]), 0.5 * (weight + weight.T)


def _squared_error(matrices: Floats, pair: Pair, one: Registration) -> float:
    error, weight = _error(matrices, pair, one)
    return float(error @ weight @ error)


def _misclosure(matrices: Floats, pair: Pair, one: Registration) -> tuple[float, float]:
    """Root mean square shift (m) at the pair's core points and turn (mrad) between it and the joint solution."""
    moving, onto = pair
    gap = matrices[onto] @ one.matrix @ np.linalg.inv(matrices[moving])
    places = moved(matrices[onto], one.points - one.origin)
    apart = np.linalg.norm(moved(gap, places) - places, axis=1)
    turn = Rotation.from_matrix(gap[:3, :3]).magnitude()
    return float(np.sqrt((apart**2).mean())), float(turn * 1e3)


def _station_sigma(
    number: int, fixed: int, covariance: Floats, origin: Floats, pairs: dict[Pair, Registration]
) -> float:
    """Mean sigma along any direction at the station's core points, with what the pairs leave."""
    own = [one for pair, one in pairs.items() if number in pair]
    scatter = float(np.sqrt(np.mean([one.scatter_m**2 for one in own])))
    if number == fixed:
        return scatter
    places = np.concatenate([one.points for one in own]) - origin
    first, second = places.mean(axis=0), places.T @ places / len(places)
    # Mean of the trace of J C J' over the places, J = (-[p]x, 1).
    turn = np.trace(covariance[:3, :3]) * np.trace(second) - np.trace(covariance[:3, :3] @ second)
    mixed = -2.0 * np.trace(cross_matrix(first) @ covariance[:3, 3:])
    return float(np.sqrt((turn + mixed + np.trace(covariance[3:, 3:])) / 3.0 + scatter**2))


def _loops(pairs: dict[Pair, Registration], origin: Floats) -> pd.DataFrame:
    stations = sorted({number for pair in pairs for number in pair})
    rows = []
    for i, j, k in combinations(stations, 3):
        sides = [(j, i), (k, j), (k, i)]
        if all(side in pairs for side in sides):
            first, second, third = (pairs[side] for side in sides)
            # From k to j to i, and back to k.
            round_trip = np.linalg.inv(third.matrix) @ first.matrix @ second.matrix
            middle = np.concatenate([pairs[side].points for side in sides]).mean(axis=0) - origin
            shift = float(np.linalg.norm(moved(round_trip, middle[None])[0] - middle))
            turn = float(Rotation.from_matrix(round_trip[:3, :3]).magnitude() * 1e3)
            rows.append({"stations": f"{i}-{j}-{k}", "shift_m": shift, "turn_mrad": turn})
    return pd.DataFrame(rows, columns=["stations", "shift_m", "turn_mrad"])
