"""From a start that may be metres and degrees away to one that the fine fit takes over."""

from contextlib import suppress
from typing import Any, NamedTuple, NoReturn

import numpy as np
import numpy.typing as npt

from sxrisk.errors import GeometryError
from sxrisk.scans._kdtree import reach
from sxrisk.scans.registration._coarse import feature_motions
from sxrisk.scans.registration._equations import moved
from sxrisk.scans.registration._fit import LEAST_POINTS, fit
from sxrisk.scans.registration._patches import Surface, means_of
from sxrisk.scans.registration._working import core_rows
from sxrisk.scans.thinning import thin_rows

__all__ = ["AGREES", "CLOSE", "FAIR_OVERLAP", "Clouds", "Start", "descend", "nearby", "refuse", "search", "searched"]

Floats = npt.NDArray[np.float64]

AGREES = 0.5
"""Least share of the patches that must lie on each other for a motion to count as found."""

CLOSE = 0.9
"""Share of a scan at rest that lies on the other one, at least."""

FAIR_OVERLAP = 0.4
"""Share of the scan that must find a partner; a smaller common part can rest on the wrong walls."""

_AS_GOOD = 0.9
# How much wider than asked the surroundings of a doubtful start are looked at.
_WIDER = (2.0, 4.0)
_CORES = 3000
_LEVEL_CORES = 4000
_LEVEL_NEIGHBOURS = 10
_LEAST_OVERLAP = 0.02


class Clouds(NamedTuple):
    """Points of both clouds in local coordinates, the stations that saw them, and the names for messages."""

    moving: Surface
    surface: Surface
    eyes: tuple[Floats | None, Floats | None]
    names: tuple[str, str]
    spacing_m: float

    @classmethod
    def of(
        cls,
        moving: Floats,
        fixed: Floats,
        neighbours: int,
        eyes: tuple[Floats | None, Floats | None],
        names: tuple[str, str],
    ) -> "Clouds":
        """Both clouds with the tree over the fixed one and its usual spacing."""
        surface = Surface(fixed, neighbours)
        spacing = float(np.median(reach(surface.tree(), np.ascontiguousarray(fixed[:2000]), 2)))
        return cls(Surface(moving, neighbours), surface, eyes, names, max(spacing, 1e-4))


class Start(NamedTuple):
    """A motion after the coarse levels, and how well the surfaces lie on each other there."""

    matrix: Floats
    agreement: float
    overlap: float

    @property
    def found(self) -> bool:
        """Whether most of what overlaps agrees."""
        return self.agreement >= AGREES and self.overlap >= _LEAST_OVERLAP


def descend(clouds: Clouds, matrix: Floats, reach_m: float) -> Start:
    """Fit at ever finer voxels, starting with pairs up to `reach_m` apart, then on some of the full cloud's patches.

    Raises
    ------
    GeometryError
        If the clouds have no part in common at the end.
    """
    voxel = reach_m / 2.0
    while voxel > 4.0 * clouds.spacing_m:
        # A level where too little is smooth is passed over: the next one judges.
        with suppress(GeometryError):
            matrix = _level(clouds, matrix, voxel)
        voxel /= 4.0
    cores = clouds.moving.points[core_rows(clouds.moving.points, _CORES)]
    means = means_of(clouds.moving, clouds.surface, cores, matrix)
    pairs_m = max(min(reach_m, 8.0 * clouds.spacing_m), 4.0 * clouds.spacing_m)
    found = fit(means, clouds.surface, matrix, max_distance_m=pairs_m, where=clouds.names[0])
    return Start(found.matrix, found.agreement(means), float(found.usable.mean()))


def nearby(clouds: Clouds, reach_m: float) -> Start:
    """The start at the given position, or a clearly better one somewhat further away.

    Corridors and benches repeat themselves: half of a scan may lie on the wrong walls.

    Raises
    ------
    GeometryError
        If nothing near the given position lies on the other scan.
    """
    best: Start | None = None
    refused: GeometryError | None = None
    for wider in (1.0, *_WIDER):
        try:
            other = descend(clouds, np.eye(4), wider * reach_m)
        except GeometryError as error:
            refused = refused or error
            continue
        if best is None or _score(best) < _AS_GOOD * _score(other):
            best = other
        if best.agreement >= CLOSE and best.overlap >= FAIR_OVERLAP:
            break
    if best is None:
        raise refused or GeometryError("nothing near the given position lies on the other scan")
    return best


def _level(clouds: Clouds, matrix: Floats, voxel: float) -> Floats:
    # Sorted rows keep the clouds' haphazard order, which surfaces ask for.
    fixed, moving = (cloud.points[np.sort(thin_rows(cloud.points, voxel))] for cloud in (clouds.surface, clouds.moving))
    if min(len(fixed), len(moving)) < LEAST_POINTS:
        return matrix
    surface = Surface(fixed, _LEVEL_NEIGHBOURS)
    cores = moving[core_rows(moving, _LEVEL_CORES)]
    means = means_of(Surface(moving, _LEVEL_NEIGHBOURS), surface, cores, matrix)
    return fit(means, surface, matrix, max_distance_m=2.0 * voxel, iterations=40).matrix


def search(clouds: Clouds) -> tuple[Start, dict[str, Any]]:
    """The one motion that lays the scans on each other, wherever they are, and how it was found.

    Raises
    ------
    GeometryError
        If there is none, or several do equally well.
    """
    tried = searched(clouds)
    if not tried or not tried[0][0].found:
        _refuse_mirrored(clouds)
        refuse(
            clouds,
            f"the best one leaves {100 * (1 - tried[0][0].agreement):.0f} % apart" if tried else "none was found",
        )
    best = tried[0][0]
    corners = clouds.moving.points[core_rows(clouds.moving.points, 200)]
    second = 0.0
    for other, _, spacing in tried[1:]:
        apart = float(np.linalg.norm(moved(other.matrix, corners) - moved(best.matrix, corners), axis=1).max())
        if other.found and apart > spacing:
            second = max(second, _score(other) / _score(best))
    if second > _AS_GOOD:
        # A mirrored scan may fit in several poor ways; its reflection then fits better than all of them.
        _refuse_mirrored(clouds, at_least=_score(best))
        raise GeometryError(
            f"the scans lie on each other in several ways, the second {100 * second:.0f} % as well as the first",
            where=", ".join(clouds.names),
            expected="a shape that fits in one way only",
            remedy="Give control targets, or bring the scans roughly into position and use coarse=False",
        )
    return best, {
        "method": "features",
        "inlier_share": tried[0][1],
        "candidates": len(tried),
        "second_best": second,
    }


def searched(clouds: Clouds) -> list[tuple[Start, float, float]]:
    """Starts by features with their inlier share and spacing, best first; empty where nothing has a part in common."""
    tried = []
    for candidate in feature_motions(clouds.moving.points, clouds.surface.points, clouds.eyes):
        with suppress(GeometryError):
            start = descend(clouds, candidate.matrix, 4.0 * candidate.spacing_m)
            tried.append((start, candidate.inlier_share, candidate.spacing_m))
    return sorted(tried, key=lambda item: -_score(item[0]))


def _score(start: Start) -> float:
    return start.agreement * start.overlap


def _refuse_mirrored(clouds: Clouds, *, at_least: float = 0.0) -> None:
    """Refuse the scans if a reflection lays one on the other, better than a motion of score `at_least` does."""
    mirror = np.array([-1.0, 1.0, 1.0])
    eye = clouds.eyes[0]
    other = clouds._replace(
        moving=Surface(clouds.moving.points * mirror, clouds.moving.neighbours),
        eyes=(None if eye is None else eye * mirror, clouds.eyes[1]),
    )
    mirrored = searched(other)
    if mirrored and mirrored[0][0].found and _score(mirrored[0][0]) > at_least:
        raise GeometryError(
            "one of the scans is mirrored: no motion, but a reflection, lays them on each other",
            where=", ".join(clouds.names),
            expected="two right-handed scans: easting, northing, height",
            remedy="Look for swapped or negated axes where the file was exported",
        )


def refuse(clouds: Clouds, best: str) -> NoReturn:
    """Say that no motion lays the scans on each other, and how near the best one came.

    Raises
    ------
    GeometryError
        Always.
    """
    raise GeometryError(
        f"no motion lays the scans on each other: {best}",
        where=", ".join(clouds.names),
        expected="scans of the same place that share a good part",
        remedy="Give control targets, or bring the scans roughly into position and use coarse=False",
    )
