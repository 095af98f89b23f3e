"""What M3C2 returns: distances, what they are worth, and why some are missing."""

from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from typing import Any

import geopandas as gpd
import numpy as np
import shapely
from numpy.typing import NDArray

from sxrisk.scans import Scan

__all__ = ["REASONS", "M3C2Result"]

#: Why a distance is missing, by the code in :attr:`M3C2Result.reason`.
REASONS: tuple[str, ...] = (
    "ok",
    "too few reference points",
    "too few compared points",
    "too few points in both",
    "no normal",
)


def root_mean_square(values: NDArray[np.float64]) -> float:
    """Root of the mean square of the finite ones; 0 where there are none."""
    finite = values[np.isfinite(values)]
    return float(np.sqrt(np.mean(finite * finite))) if len(finite) else 0.0


@dataclass(frozen=True, eq=False)
class M3C2Result:
    """
    Change between two epochs at m core points, in metres and in the coordinates of the reference.

    Parameters
    ----------
    core_points : (m, 3) float64
        Where change was measured.
    normals : (m, 3) float64
        Unit directions along which it was measured; NaN where the neighbours define none.
    distance : (m,) float64
        Compared minus reference along the normal: positive where the surface came towards the side the normal points
        to. NaN where `reason` is not 0.
    lod95 : (m,) float64
        Level of detection at 95 %, NaN with the distance.
    n_reference, n_compared : (m,) int32
        Points in the two cylinders.
    std_reference, std_compared : (m,) float64
        Their sample standard deviations along the normal, NaN below two points; where medians were compared the
        interquartile range / 1.349.
    significant : (m,) bool
        Whether the distance exceeds its level of detection; False where there is none.
    reason : (m,) uint8
        Row of :data:`REASONS`.
    registration_sigma_m : float
        1 sigma that went into `lod95`, its root mean square where it differs from place to place; 0 where unknown.
    registration_unknown : bool
        Whether nobody knew it: then `lod95` is a lower bound.
    crs, vertical_crs : pyproj.CRS, optional
        Of the core points.
    parameters : dict
        Radii, depth and the other choices, by the names of :func:`sxrisk.m3c2`.
    normal_radius_m : (m,) float64, optional
        Radius at which each normal was taken, where there was a choice.
    registration_sigma_at_m : (m,) float64, optional
        1 sigma of the registration at each core point, where it differs.
    p_value : (m,) float64, optional
        Probability that noise alone gives such a distance; NaN without a distance. With ``fdr``.
    significant_fdr : (m,) bool, optional
        Which places changed, false discoveries held down. With ``fdr``.
    """

    core_points: NDArray[np.float64]
    normals: NDArray[np.float64]
    distance: NDArray[np.float64]
    lod95: NDArray[np.float64]
    n_reference: NDArray[np.int32]
    n_compared: NDArray[np.int32]
    std_reference: NDArray[np.float64]
    std_compared: NDArray[np.float64]
    significant: NDArray[np.bool_]
    reason: NDArray[np.uint8]
    registration_sigma_m: float = 0.0
    registration_unknown: bool = False
    crs: Any = None
    vertical_crs: Any = None
    parameters: dict[str, Any] = field(default_factory=dict)
    normal_radius_m: NDArray[np.float64] | None = None
    registration_sigma_at_m: NDArray[np.float64] | None = None
    p_value: NDArray[np.float64] | None = None
    significant_fdr: NDArray[np.bool_] | None = None

    @staticmethod
    def join(parts: Sequence["M3C2Result"], order: NDArray[np.int64] | None = None) -> "M3C2Result":
        """Results of several tiles as one.

        Parameters
        ----------
        parts : sequence of M3C2Result
            At least one, of one plan.
        order : (m,) int, optional
            Which of the joined core points stands in each place of the result; default one part after the other.

        Returns
        -------
        M3C2Result
            :attr:`significant_fdr` is left out: it is a question to all places at once.
        """
        joined: dict[str, Any] = {}
        for item in fields(M3C2Result):
            values = [getattr(part, item.name) for part in parts]
            if isinstance(values[0], np.ndarray):
                whole = np.concatenate(values)
                joined[item.name] = whole if order is None else whole[order]
            else:
                joined[item.name] = values[0]
        if joined["registration_sigma_at_m"] is not None:
            joined["registration_sigma_m"] = root_mean_square(joined["registration_sigma_at_m"])
        return M3C2Result(**{**joined, "significant_fdr": None})

    def __len__(self) -> int:
        return len(self.distance)

    def __repr__(self) -> str:
        share = 100.0 * float(np.mean(self.reason == 0)) if len(self) else 0.0
        registration = (
            "unknown" if self.registration_unknown else f"{1000.0 * self.registration_sigma_m:.1f} mm (1 sigma)"
        )
        return (
            f"<M3C2Result: {len(self):,} core points, {share:.1f} % with a distance, "
            f"{int(self.significant.sum()):,} significant, registration {registration}>"
        )

    def _columns(self) -> dict[str, NDArray[Any]]:
        optional = {
            "normal_radius_m": self.normal_radius_m,
            "registration_sigma_m": self.registration_sigma_at_m,
            "p_value": self.p_value,
            "significant_fdr": self.significant_fdr,
        }
        return {
            "distance_m": self.distance,
            "lod95_m": self.lod95,
            "significant": self.significant,
            "n_reference": self.n_reference,
            "n_compared": self.n_compared,
            "std_reference_m": self.std_reference,
            "std_compared_m": self.std_compared,
            "normal_x": self.normals[:, 0],
            "normal_y": self.normals[:, 1],
            "normal_z": self.normals[:, 2],
            **{name: values for name, values in optional.items() if values is not None},
        }

    def to_geodataframe(self) -> gpd.GeoDataFrame:
        """One row a core point, geometry with z; ``reason`` as text.

        Returns
        -------
        GeoDataFrame
        """
        columns: dict[str, Any] = {**self._columns(), "reason": np.array(REASONS)[self.reason]}
        return gpd.GeoDataFrame(columns, geometry=shapely.points(self.core_points), crs=self.crs)

    def to_scan(self) -> Scan:
        """The core points as a scan whose attributes are the results, ready for ``write_scan("change.laz")``.

        Returns
        -------
        Scan
            Attributes ``distance_m``, ``lod95_m``, ``significant`` and ``reason`` (codes), counts, deviations and
            normals.
        """
        columns = {**self._columns(), "reason": self.reason}
        attributes = {k: v.astype(np.uint8) if v.dtype == np.bool_ else v for k, v in columns.items()}
        return Scan(self.core_points, crs=self.crs, vertical_crs=self.vertical_crs, attributes=attributes)
