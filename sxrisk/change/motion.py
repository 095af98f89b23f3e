"""Motion of a surface as vectors, along the surface too, to which M3C2 is blind."""

from typing import Any

import geopandas as gpd
import numpy as np
import numpy.typing as npt
import pandas as pd
import shapely

from sxrisk.change._body_matching import Match, match_relief
from sxrisk.change._body_surfaces import Frame, Lattice, frame_of, heights
from sxrisk.errors import GeometryError, ParameterError
from sxrisk.scans.cloud import Cloud

__all__ = ["surface_motion"]

Floats = npt.NDArray[np.float64]

_BLOCK_WINDOWS = 6  # side of the blocks in which windows read the clouds together
_POINTS_A_CELL = 2.0
_MOST_POINTS = 10_000  # of a window; more take time and tell little
_RIM_CELLS = 8.0
_MIN_CELLS_ACROSS = 24  # fewer cells in a window hold no relief to compare


def surface_motion(
    before: Cloud,
    after: Cloud,
    places: npt.ArrayLike,
    *,
    window_m: float,
    max_motion_m: float,
    registration_sigma_m: float = 0.0,
) -> gpd.GeoDataFrame:
    """
    Displacement vectors of the surface at windows, found by laying the relief of both epochs onto each other.

    Around each place the surface is a relief over its own plane, so that walls and overhangs are treated as floors are.
    The shift is sought over the whole reach and then fitted to a fraction of a cell. Where the surface is smooth, or
    has relief in one direction only, a motion along it leaves no trace: then the vector is NaN and `reason` says why.

    Parameters
    ----------
    before, after : Cloud
        The epochs, registered, in metres.
    places : array-like of shape (m, 3)
        Middles of the windows, on the surface of `before`.
    window_m : float
        Side of a window: several times the grain of the relief.
    max_motion_m : float
        Longest motion looked for; at most a third of the window.
    registration_sigma_m : float
        1 sigma of the registration per direction, added to every sigma.

    Returns
    -------
    GeoDataFrame
        A row a place, geometry the place (point z): ``east_m``, ``north_m``, ``up_m`` and their sigmas
        ``sigma_east_m`` ...; ``covariance_en_m2``, ``covariance_eu_m2``, ``covariance_nu_m2``; ``along_m`` (length
        along the surface) and ``sigma_along_m``; ``normal_x``, ``normal_y``, ``normal_z`` of the window;
        ``determined``, ``rank`` (directions along the surface that the relief knows) and ``reason``.

    Raises
    ------
    ParameterError
        If a length is not positive, or the reach is more than a third of the window.
    GeometryError
        If `places` are not of shape (m, 3).

    References
    ----------
    Travelletti, Malet, Delacourt (2014), image-based correlation of laser scans, Int. J. Appl. Earth Obs. 32, 1-18.
    Lucas, Kanade (1981), IJCAI, 674-679. Teza et al. (2007), Int. J. Remote Sensing 28, 3425-3446, on windows.

    Examples
    --------
    >>> import numpy as np, sxrisk as sx
    >>> rng = np.random.default_rng(3)
    >>> def cloud(shift):
    ...     x, y = rng.uniform(0.0, 12.0, (2, 40_000))
    ...     z = 0.2 * np.sin(2.1 * (x - shift)) * np.cos(1.7 * y + 0.5 * (x - shift)) + rng.normal(0.0, 0.005, x.shape)
    ...     return sx.Scan(np.column_stack([x, y, z]))
    >>> motion = surface_motion(cloud(0.0), cloud(0.3), [[6.0, 6.0, 0.0]], window_m=6.0, max_motion_m=0.8)
    >>> round(float(motion["east_m"][0]), 1), bool(motion["determined"][0])
    (0.3, True)
    """
    middles = np.ascontiguousarray(places, dtype=np.float64)
    if middles.ndim != 2 or middles.shape[1] != 3:
        raise GeometryError(f"places have shape {middles.shape}", expected="shape (m, 3): easting, northing, height")
    if not (window_m > 0 and 0 < max_motion_m <= window_m / 3 and registration_sigma_m >= 0):
        raise ParameterError(
            f"window_m {window_m!r}, max_motion_m {max_motion_m!r}, registration_sigma_m {registration_sigma_m!r}",
            where="surface_motion",
            expected="positive lengths, the reach at most a third of the window",
        )
    before, after = before.require_metres(), after.require_metres()
    rows: list[dict[str, Any]] = [{} for _ in middles]
    reach = np.array([0.75 * window_m + 2.0 * max_motion_m] * 3)
    block = np.floor((middles - before.origin) / (_BLOCK_WINDOWS * window_m)).astype(np.int64)
    order, number = np.unique(block, axis=0, return_inverse=True)
    for i in range(len(order)):
        chosen = np.flatnonzero(number.ravel() == i)
        box = (*(middles[chosen].min(axis=0) - reach), *(middles[chosen].max(axis=0) + reach))
        clouds = [np.asarray(cloud.read(box, attributes=()).xyz) for cloud in (before, after)]
        for k in chosen:
            rows[k] = _window(clouds, middles[k], window_m, max_motion_m, registration_sigma_m)
    return gpd.GeoDataFrame(pd.DataFrame(rows), geometry=shapely.points(middles), crs=before.crs)


def vector_columns(frame: Frame, match: Match, registration_sigma_m: float) -> dict[str, Any]:
    """The columns of a match: the vector in east, north and up with its errors."""
    vector = match.shift @ frame.axes
    covariance = frame.axes.T @ match.covariance @ frame.axes + registration_sigma_m**2 * np.eye(3)
    along = float(np.hypot(match.shift[0], match.shift[1]))
    unit = match.shift[:2] / along if along > 0 else np.array([1.0, 0.0])
    sigma = np.sqrt(np.diag(covariance))
    return {
        **dict(zip(("east_m", "north_m", "up_m"), vector.tolist(), strict=True)),
        **dict(zip(("sigma_east_m", "sigma_north_m", "sigma_up_m"), sigma.tolist(), strict=True)),
        "covariance_en_m2": float(covariance[0, 1]),
        "covariance_eu_m2": float(covariance[0, 2]),
        "covariance_nu_m2": float(covariance[1, 2]),
        "along_m": along,
        "sigma_along_m": float(np.sqrt(unit @ match.covariance[:2, :2] @ unit + registration_sigma_m**2)),
    }


def matching_cell(n_points: int, area_m2: float, across_m: float) -> float:
    """Edge of the cells in which reliefs are compared: a few points each."""
    return max(float(np.sqrt(_POINTS_A_CELL * area_m2 / max(n_points, 1))), across_m / 200.0)


def _window(clouds: list[Floats], middle: Floats, window: float, reach: float, sigma: float) -> dict[str, Any]:
    ball = clouds[0][np.square(clouds[0] - middle).sum(axis=1) <= (0.6 * window) ** 2]
    frame = Frame(middle, np.eye(3))
    match = Match(np.full(3, np.nan), np.full((3, 3), np.nan), 0, "too few points", float("nan"))
    if len(ball) >= 50:
        centred = ball - ball.mean(axis=0)
        normal = np.linalg.eigh(centred.T @ centred)[1][:, 0]
        normal = -normal if normal[2] < 0 else normal
        frame = frame_of(middle[None, :], normal[None, :])
        half = 0.5 * window + 1.5 * reach
        deep = 0.5 * window + reach
        ball_m2 = 2.0 * half**2 + deep**2
        local = [frame.local(p[np.square(p - middle).sum(axis=1) <= ball_m2]) for p in clouds]
        local = [p[(np.abs(p[:, :2]) <= half).all(axis=1) & (np.abs(p[:, 2]) <= deep)] for p in local]
        local = [p[:: len(p) // _MOST_POINTS + 1] for p in local]
        cell = matching_cell(min(map(len, local)), (2.0 * half) ** 2, 2.0 * half)
        if window / cell >= _MIN_CELLS_ACROSS:
            side = int(np.ceil(2.0 * half / cell))
            lattice = Lattice((-half, -half), cell, (side, side))
            u, v = lattice.centres()
            inside = np.maximum(np.abs(u), np.abs(v)) <= 0.5 * window
            # What is sought lies in the window, with a rim for its slopes; where it may be, all around.
            local[0] = local[0][(np.abs(local[0][:, :2]) <= 0.5 * window + _RIM_CELLS * cell).all(axis=1)]
            first, second = (heights(points, lattice, 6.0 * cell) for points in local)
            match = match_relief(first, second, inside, cell, reach)
    return {
        **vector_columns(frame, match, sigma),
        **dict(zip(("normal_x", "normal_y", "normal_z"), frame.axes[2].tolist(), strict=True)),
        "determined": match.rank == 2,
        "rank": match.rank,
        "reason": match.reason,
    }
