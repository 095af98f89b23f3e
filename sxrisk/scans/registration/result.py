"""The motion between two scans, how well it is known, and what it leaves."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import numpy.typing as npt
import pandas as pd
import shapely
from pyproj import CRS
from scipy.spatial.transform import Rotation

from sxrisk.errors import FileFormatError, ParameterError
from sxrisk.scans._output import whole_file
from sxrisk.scans.cloud import Cloud
from sxrisk.scans.registration._equations import cross_matrix
from sxrisk.scans.registration._moved import MovedSource
from sxrisk.scans.scan import Scan

__all__ = ["Registration"]

Floats = npt.NDArray[np.float64]

FORMAT = "sxrisk registration 1"
_MOSTLY = 0.5
_MAD_TO_SIGMA = 1.4826


@dataclass(frozen=True, repr=False)
class Registration:
    """A rigid motion of one scan onto another and how well it is known.

    Parameters
    ----------
    matrix : ndarray of shape (4, 4)
        Takes offsets from `origin` in the moving scan to offsets from `origin` in the fixed one, metres.
    origin : ndarray of shape (3,)
        Where the motion is stated about, in the scans' coordinates.
    sigma_m : float
        1 sigma of what is left between the two after it, metres: the scatter of block means on stable ground, not less
        than the formal error of the fit.
    n : int
        Core points that decided it.
    points : ndarray of shape (k, 3)
        Core points of the moving scan after the motion.
    residuals_m : ndarray of shape (k,)
        Distance of each from the fixed surface along its normal.
    stable : ndarray of bool, shape (k,)
        Which core points the robust fit took for unmoved.
    converged : bool
        Whether the last step was below a hundredth of a millimetre (or far below the fit's own error), the geometry
        determines the whole motion, and most of the surfaces lie on each other after it: `agreement` is at least 0.5,
        and at least 0.9 where `overlap` is below 0.4, as a small common part can rest on the wrong walls.
    normals : ndarray of shape (k, 3)
        Direction of each residual.
    covariance : ndarray of shape (6, 6)
        Of a small turn (rad) and shift (m) about `origin` that would follow the motion. A direction that the geometry
        leaves open carries the size of the scan. Found by leaving out blocks of ground in turn: the squared error in
        its units has a mean of 4 to 8 instead of 6 on sparse, dense, noisy and correlated ground.
    scatter_m : float
        Scatter of the block means on stable ground alone, metres.
    determined : bool
        Whether the geometry fixes all six unknowns: a plane can slide, a cylinder can turn.
    overlap : float
        Share of the moving scan's core points that found a partner.
    agreement : float
        Share of those that lie on the fixed surface within three times the roughness of both.
    coarse : mapping
        How the start was found: ``method`` ("given", "targets" or "features"), and for features ``inlier_share``,
        ``candidates`` and ``second_best`` (agreement of the next different motion in terms of the best one's).
    stable_area : shapely geometry
        The stable core points' ground in plan, in the fixed scan's coordinates.
    targets : DataFrame, optional
        Residuals of the control targets: ``name, dx_m, dy_m, dz_m, miss_m, sigma_m, outlier``.
    crs : pyproj.CRS, optional
        Horizontal system of the fixed scan.
    """

    matrix: Floats
    origin: Floats
    sigma_m: float
    n: int
    points: Floats
    residuals_m: Floats
    stable: npt.NDArray[np.bool_]
    converged: bool
    normals: Floats
    covariance: Floats
    scatter_m: float
    determined: bool
    overlap: float
    agreement: float
    coarse: Mapping[str, Any] = field(default_factory=dict)
    stable_area: Any = field(default_factory=shapely.Polygon)
    targets: pd.DataFrame | None = None
    crs: CRS | None = None

    def __repr__(self) -> str:
        shift = ", ".join(f"{v:.4f}" for v in self.translation_m)
        state = "converged" if self.converged else "not converged"
        return (
            f"<Registration {state}: shift ({shift}) m, turn {self.rotation_mrad:.3f} mrad, sigma "
            f"{1e3 * self.sigma_m:.2f} mm, {self.n:,} core points; weakest: {self.weakest}>"
        )

    @property
    def translation_m(self) -> Floats:
        """Shift (3,) of the point at `origin`."""
        return self.matrix[:3, 3]

    @property
    def rotation_mrad(self) -> float:
        """Angle of the rotation, thousandths of a radian."""
        return float(np.linalg.norm(Rotation.from_matrix(self.matrix[:3, :3]).as_rotvec()) * 1e3)

    @property
    def weakest(self) -> str:
        """The direction of motion that is known least, in words, about the middle of the core points."""
        lever, values, vectors = self._axes()
        turn, shift = vectors[:3, -1], vectors[3:, -1]
        sigma = float(np.sqrt(values[-1]))
        unknown = "" if self.determined else ", not determined by the geometry"
        if np.linalg.norm(turn) > np.linalg.norm(shift):
            axis = _words(turn / np.linalg.norm(turn))
            return f"turn about the axis {axis}, {1e3 * sigma * np.linalg.norm(turn) / lever:.4g} mrad{unknown}"
        along = _words(shift / np.linalg.norm(shift))
        return f"shift along {along}, {1e3 * sigma * np.linalg.norm(shift):.4g} mm{unknown}"

    @property
    def eigenvalues_m2(self) -> Floats:
        """Variances (6,) of the motion along its own axes, smallest first; turns count at the scan's lever, metres."""
        return self._axes()[1]

    def move(self, points: npt.ArrayLike) -> Floats:
        """Points (n, 3) after the motion."""
        return (np.asarray(points, dtype=np.float64) - self.origin) @ self.matrix[:3, :3].T + (
            self.origin + self.matrix[:3, 3]
        )

    def apply(self, scan: Cloud) -> Scan:
        """The scan and its stations after the motion, carrying :attr:`sigma_m` as its registration uncertainty.

        Parameters
        ----------
        scan : Scan or TiledScan
            The moving scan, or any other of the same set-up.

        Returns
        -------
        Scan
            Of a :class:`~sxrisk.TiledScan`, one that reads its points tile by tile when they are asked for: every
            writer and :func:`~sxrisk.tile_scan` take it without the whole cloud in memory.
        """
        if isinstance(scan, Scan):
            return scan.replace(
                xyz=self.move(scan.xyz),
                stations=None if scan.stations is None else self.move(scan.stations),
                registration_sigma_m=self.sigma_m,
            )
        source = MovedSource(scan, self.move, self.sigma_m)
        return Scan.from_source(
            source,
            crs=scan.crs,
            vertical_crs=scan.vertical_crs,
            epoch=scan.epoch,
            stations=source.stations,
            range_sigma_m=scan.range_sigma_m,
            registration_sigma_m=self.sigma_m,
        )

    def sigma_at(self, points: npt.ArrayLike, along: npt.ArrayLike | None = None) -> Floats:
        """1 sigma of the registration at places of the fixed scan, metres.

        The motion's covariance carried to the place, with :attr:`scatter_m` on top: far from the stable ground a turn
        tells more than a shift.

        Parameters
        ----------
        points : array-like of shape (n, 3)
            In the fixed scan's coordinates.
        along : array-like of shape (3,) or (n, 3), optional
            Unit directions, for example the normals that a change is measured along. Without it the sigma is that of
            the place in space: the root of the sum of three variances.

        Returns
        -------
        ndarray of shape (n,)
        """
        offsets = np.atleast_2d(np.asarray(points, dtype=np.float64)) - self.origin
        if along is not None:
            directions = np.broadcast_to(np.asarray(along, dtype=np.float64), offsets.shape)
            design = np.column_stack([np.cross(offsets, directions), directions])
            variance = np.einsum("ni,ij,nj->n", design, self.covariance, design)
            return np.sqrt(variance + self.scatter_m**2)
        variance = np.full(len(offsets), 3.0 * self.scatter_m**2)
        for axis in np.eye(3):
            design = np.column_stack([np.cross(offsets, axis), np.broadcast_to(axis, offsets.shape)])
            variance += np.einsum("ni,ij,nj->n", design, self.covariance, design)
        return np.sqrt(variance)

    def residual_map(self, cell_m: float) -> gpd.GeoDataFrame:
        """What is left between the scans, cell by cell in plan.

        Parameters
        ----------
        cell_m : float
            Edge of the cells, metres; edges lie at whole multiples.

        Returns
        -------
        GeoDataFrame
            ``mean_m`` (of the stable core points, of all where fewer than half are stable), ``sigma_m`` (of that mean,
            by the scatter in the cell and the motion's covariance), ``n``, ``stable_share`` and the cell as
            ``geometry``.

        Raises
        ------
        ParameterError
            If `cell_m` is not positive.
        """
        if not cell_m > 0:
            raise ParameterError(f"cells of {cell_m} m", where="cell_m", expected="more than 0")
        cell = np.floor(self.points[:, :2] / cell_m).astype(np.int64)
        frame = pd.DataFrame({"i": cell[:, 0], "j": cell[:, 1], "row": np.arange(len(cell))})
        motion = self.sigma_at(self.points, self.normals) ** 2 - self.scatter_m**2 if len(cell) else np.empty(0)
        found = []
        for key, part in frame.groupby(["i", "j"]):
            i, j = (int(number) for number in np.asarray(key))
            row = part["row"].to_numpy()
            share = float(self.stable[row].mean())
            # Ground that moved is told as it lies, not by the few core points in it that fit by chance.
            chosen = row[self.stable[row]] if share >= _MOSTLY else row
            values = self.residuals_m[chosen]
            spread = _MAD_TO_SIGMA * float(np.median(np.abs(values - np.median(values)))) if len(values) > 1 else np.nan
            sigma = float(np.sqrt(spread**2 / len(values) + motion[chosen].mean()))
            box = shapely.box(i * cell_m, j * cell_m, (i + 1) * cell_m, (j + 1) * cell_m)
            middle = values.mean() if share >= _MOSTLY else np.median(values)
            found.append((float(middle), sigma, len(row), share, box))
        columns = ["mean_m", "sigma_m", "n", "stable_share", "geometry"]
        return gpd.GeoDataFrame(pd.DataFrame(found, columns=columns), geometry="geometry", crs=self.crs)

    def to_dict(self) -> dict[str, Any]:
        """Everything as plain lists and numbers for JSON; points to 0.01 mm, residuals and normals to 1e-7."""
        offsets = self.points - self.origin
        return {
            "format": FORMAT,
            "crs": None if self.crs is None else self.crs.to_wkt(),
            "matrix": self.matrix.tolist(),
            "origin": self.origin.tolist(),
            "covariance": self.covariance.tolist(),
            **{name: getattr(self, name) for name in _NUMBERS},
            "coarse": dict(self.coarse),
            "stable_area": shapely.to_wkt(self.stable_area, rounding_precision=6),
            "targets": None if self.targets is None else self.targets.to_dict("records"),
            "points": np.round(offsets, 5).tolist(),
            "normals": np.round(self.normals, 7).tolist(),
            "residuals_m": np.round(self.residuals_m, 7).tolist(),
            "stable": np.flatnonzero(self.stable).tolist(),
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "Registration":
        """The registration that :meth:`to_dict` wrote down.

        Raises
        ------
        FileFormatError
            If something is missing or is no registration of this format.
        """
        if values.get("format") != FORMAT:
            raise FileFormatError(f"the format is {values.get('format')!r}", expected=repr(FORMAT))
        try:
            origin = np.array(values["origin"], dtype=np.float64)
            residuals = np.array(values["residuals_m"], dtype=np.float64)
            stable = np.zeros(len(residuals), dtype=bool)
            stable[values["stable"]] = True
            targets = values["targets"]
            return cls(
                matrix=np.array(values["matrix"], dtype=np.float64),
                origin=origin,
                covariance=np.array(values["covariance"], dtype=np.float64),
                **{name: values[name] for name in _NUMBERS},
                coarse=dict(values["coarse"]),
                stable_area=shapely.from_wkt(values["stable_area"]),
                targets=None if targets is None else pd.DataFrame(targets),
                points=np.array(values["points"], dtype=np.float64).reshape(-1, 3) + origin,
                normals=np.array(values["normals"], dtype=np.float64).reshape(-1, 3),
                residuals_m=residuals,
                stable=stable,
                crs=None if values["crs"] is None else CRS.from_wkt(values["crs"]),
            )
        except (KeyError, TypeError, ValueError, IndexError, shapely.errors.ShapelyError) as error:
            raise FileFormatError(f"a part of the registration is missing or wrong ({error!r})") from error

    def write(self, path: str | Path) -> Path:
        """The registration as a JSON file; either whole or not at all."""
        target = Path(path)
        with whole_file(target) as partial:
            partial.write_text(json.dumps(self.to_dict()), encoding="utf-8")
        return target

    @classmethod
    def read(cls, path: str | Path) -> "Registration":
        """The registration in a JSON file.

        Raises
        ------
        FileFormatError
            If the file is missing, no JSON, or no registration; it names the file.
        """
        try:
            values = json.loads(Path(path).read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise FileFormatError(f"cannot be read ({error})", where=path, expected="a registration as JSON") from error
        if not isinstance(values, dict):
            raise FileFormatError("no registration", where=path, expected="an object with the registration's parts")
        try:
            return cls.from_dict(values)
        except FileFormatError as error:
            raise FileFormatError(error.problem.what, where=path, expected=error.problem.expected) from error

    def about(self, origin: npt.ArrayLike) -> "Registration":
        """The same motion stated about another origin (3,)."""
        new = np.asarray(origin, dtype=np.float64)
        shift = new - self.origin
        matrix = self.matrix.copy()
        matrix[:3, 3] += matrix[:3, :3] @ shift - shift
        carry = np.eye(6)
        carry[3:, :3] = -cross_matrix(shift)
        return replace(self, matrix=matrix, origin=new, covariance=carry @ self.covariance @ carry.T)

    def _axes(self) -> tuple[float, Floats, Floats]:
        middle = self.points.mean(axis=0) if len(self.points) else self.origin
        lever = float(np.sqrt(((self.points - middle) ** 2).sum(axis=1).mean())) if len(self.points) else 1.0
        scale = np.array([max(lever, 1e-3)] * 3 + [1.0] * 3)
        carry = np.eye(6)
        carry[3:, :3] = -cross_matrix(middle - self.origin)
        values, vectors = np.linalg.eigh((carry @ self.covariance @ carry.T) * np.outer(scale, scale))
        return max(lever, 1e-3), np.maximum(values, 0.0), vectors


_NUMBERS = ("sigma_m", "scatter_m", "n", "converged", "determined", "overlap", "agreement")


def _words(axis: Floats) -> str:
    """A direction as east, north, up, its first large part positive."""
    axis = axis * np.sign(axis[np.argmax(np.abs(axis))])
    return "(" + ", ".join(f"{v:.2f} {name}" for v, name in zip(axis, ("east", "north", "up"), strict=True)) + ")"
