"""What a comparison of two epochs leaves: a folder of files, and their summary."""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from sxrisk.change.result import M3C2Result
from sxrisk.errors import FileFormatError
from sxrisk.scans import Scan, read_scan

__all__ = ["SUMMARY", "ComparisonResult"]

SUMMARY = "summary.json"
"""Written last: a folder that has it is whole."""


@dataclass(frozen=True)
class ComparisonResult:
    """Files and figures of a comparison.

    Parameters
    ----------
    folder : Path
        Where the files stand: ``change.laz`` (core points with distance, level of detection and the rest),
        ``difference.tif``, ``elevation_before.tif``, ``elevation_after.tif``, ``mesh.ply``, ``mesh.glb`` and
        ``summary.json``; ``registration.json`` where the epochs were registered.
    summary : dict
        What ``summary.json`` says.
    seconds : dict of str to float
        Wall time by step; empty for a result that was opened.
    """

    folder: Path
    summary: dict[str, Any]
    seconds: dict[str, float] = field(default_factory=dict)

    @classmethod
    def open(cls, folder: str | Path) -> "ComparisonResult":
        """The result in a folder.

        Raises
        ------
        FileFormatError
            If the folder holds no finished comparison.
        """
        path = Path(folder) / SUMMARY
        try:
            summary = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise FileFormatError(
                f"there is no finished comparison ({error})",
                where=folder,
                expected=f"a folder with {SUMMARY}, made by compare_scans",
            ) from error
        return cls(Path(folder), summary)

    def file(self, name: str) -> Path:
        """Path of one of the files."""
        return self.folder / name

    def change(self) -> Scan:
        """The core points, lazily: attributes ``distance_m``, ``lod95_m``, ``significant``, ``reason`` and the rest."""
        return read_scan(self.file("change.laz"))

    def m3c2(self) -> M3C2Result:
        """The change at the core points as :func:`sxrisk.m3c2` returns it, read into memory."""
        points = self.change()
        values, known = points.attributes, self.summary["registration"]
        return M3C2Result(
            core_points=np.asarray(points.xyz),
            normals=np.column_stack([values[f"normal_{axis}"] for axis in "xyz"]).astype(np.float64),
            distance=values["distance_m"].astype(np.float64),
            lod95=values["lod95_m"].astype(np.float64),
            n_reference=values["n_reference"].astype(np.int32),
            n_compared=values["n_compared"].astype(np.int32),
            std_reference=values["std_reference_m"].astype(np.float64),
            std_compared=values["std_compared_m"].astype(np.float64),
            significant=values["significant"].astype(bool),
            reason=values["reason"].astype(np.uint8),
            registration_sigma_m=float(known["sigma_m"]),
            registration_unknown=bool(known["unknown"]),
            p_value=values["p_value"].astype(np.float64) if "p_value" in values else None,
            significant_fdr=values["significant_fdr"].astype(bool) if "significant_fdr" in values else None,
            crs=points.crs,
            vertical_crs=points.vertical_crs,
            parameters=dict(self.summary["parameters"]),
        )

    def difference(self) -> xr.DataArray:
        """Later less earlier elevation (y, x), metres, filled gaps included; NaN where unknown."""
        import rioxarray

        grid = rioxarray.open_rasterio(self.file("difference.tif"), masked=True)
        if not isinstance(grid, xr.DataArray):
            raise FileFormatError(
                "the raster has several parts", where=self.file("difference.tif"), expected="one band"
            )
        return grid.squeeze("band", drop=True)

    def __repr__(self) -> str:
        change, volume = self.summary["change"], self.summary["volume"]
        return (
            f"<ComparisonResult {self.folder.name}: {change['core_points']:,} core points, "
            f"{change['significant']:,} significant, net {volume['net_m3']:,.1f} ± {volume['sigma_m3']:,.1f} m3>"
        )
