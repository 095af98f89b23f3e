"""What a comparison of two epochs leaves: a folder of files, and their summary."""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import xarray as xr

from sxrisk.change.comparison.folder import SUMMARY
from sxrisk.errors import FileFormatError
from sxrisk.scans import Scan, read_scan

__all__ = ["ComparisonResult"]


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
