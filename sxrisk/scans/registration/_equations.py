"""Normal equations of a small motion, and what of them is geometry and what is noise of the normals."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.linalg import eigh
from scipy.spatial.transform import Rotation

__all__ = ["Equations", "add", "cross_matrix", "moved", "rows", "small_motion", "solve", "surface_equations"]

Floats = npt.NDArray[np.float64]

# A direction counts as known where its information is this many times what noisy normals alone would feign.
KNOWN = 4.0


class Equations(NamedTuple):
    """Information (6, 6) on a small turn (rad) and shift (m), the part of it that noise feigns, and the right side."""

    information: Floats
    feigned: Floats
    right: Floats


def rows(places: Floats, normals: Floats) -> Floats:
    """Derivatives (n, 6) of the distances from the planes by turn and shift about the local origin."""
    return np.column_stack([np.cross(places, normals), normals])


def surface_equations(
    places: Floats, normals: Floats, tilt: Floats, residuals: Floats, weights: Floats, sigma: float
) -> Equations:
    """Equations of weighted distances from planes whose normals have the variance `tilt` (n,), square radians.

    A noisy normal leans into the plane and seems to resist a slide along it. The expectation of that is known and is
    kept apart, so that a slide on a plane, or a turn of a cylinder, is seen as what it is: not determined.
    """
    used = weights > 0
    places, normals, weights = places[used], normals[used], weights[used] / sigma**2
    design = rows(places, normals)
    information = design.T @ (design * weights[:, None])
    noisy = weights * tilt[used]
    lever = cross_matrix((noisy[:, None] * places).sum(axis=0))
    second = places.T @ (noisy[:, None] * places)
    whole = np.block(
        [[np.trace(second) * np.eye(3) - second, lever], [lever.T, float(noisy.sum()) * np.eye(3)]]
    )  # of a direction that is free in space; the part along the normal is none
    feigned = whole - design.T @ (design * noisy[:, None])
    return Equations(information, feigned, -design.T @ (weights * residuals[used]))


def add(first: Equations, second: Equations | None) -> Equations:
    """Both sets of observations together."""
    if second is None:
        return first
    return Equations(*(one + other for one, other in zip(first, second, strict=True)))


def solve(equations: Equations, lever_m: float) -> tuple[Floats, Floats, Floats]:
    """The small motion, and the directions that the geometry knows and those that it leaves open.

    Parameters
    ----------
    equations : Equations
    lever_m : float
        Length that turns a turn into metres.

    Returns
    -------
    motion : ndarray of shape (6,)
        Turn (rad) and shift (m); zero along open directions.
    known, open : ndarray of shape (6, k) and (6, 6 - k)
        Bases of both; that of the open ones has unit length, turns counted at the end of the lever.
    """
    scale = np.array([1.0 / lever_m] * 3 + [1.0] * 3)
    information = equations.information * np.outer(scale, scale)
    floor = 1e-10 * float(np.trace(information)) + 1e-300
    feigned = equations.feigned * np.outer(scale, scale) + floor * np.eye(6)
    values, vectors = eigh(information, feigned)
    known = values > KNOWN
    motion = vectors[:, known] @ ((vectors[:, known].T @ (scale * equations.right)) / values[known])
    unknown = np.linalg.qr(vectors[:, ~known])[0]
    return scale * motion, scale[:, None] * vectors[:, known], scale[:, None] * unknown


def small_motion(parameters: Floats) -> Floats:
    """The motion (4, 4) of a turn vector (rad) and a shift (m)."""
    matrix: Floats = np.eye(4)
    matrix[:3, :3] = Rotation.from_rotvec(parameters[:3]).as_matrix()
    matrix[:3, 3] = parameters[3:]
    return matrix


def moved(matrix: Floats, points: Floats) -> Floats:
    """Points (n, 3) after a motion (4, 4)."""
    return points @ matrix[:3, :3].T + matrix[:3, 3]


def cross_matrix(vector: Floats) -> Floats:
    """The matrix (3, 3) whose product with b is `vector` x b."""
    x, y, z = vector
    return np.array([[0.0, -z, y], [z, 0.0, -x], [-y, x, 0.0]])
