"""What one scanned site gives, how it is kept for a resumed run, and the files that other programs open."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import geopandas as gpd
import xarray as xr

from sxrisk.change import M3C2Result
from sxrisk.surfaces import Mesh, Section

__all__ = ["SiteResult"]


@dataclass(frozen=True, eq=False)
class SiteResult:
    """Measurements, meshes, rasters and sections of one site.

    Parameters
    ----------
    site_id : str
        Key of the site in its layer.
    kind : str
        ``open_pit``, ``quarry``, ``waste_dump``, ``tailings_pond`` or ``goaf``.
    name : str
        Name to show.
    crs : pyproj.CRS or None
        Horizontal system of meshes, rasters and sections.
    mesh : Mesh
        The latest surface, at most some 150 000 faces, with ``change_m``, ``lod95_m`` and ``significant`` where there
        were two epochs, ``elevation_m`` on terrain, ``seen`` in cavities.
    measurements : GeoDataFrame
        Measurements schema, EPSG:4490.
    summary : dict
        JSON-ready: epochs, what was taken out, registration, change, moving bodies.
    change : M3C2Result, optional
        Latest epoch against the first.
    extra_meshes : dict of str to Mesh
        For example the surface of the first epoch.
    rasters : dict of str to xarray.DataArray
        ``elevation`` and, with two epochs, ``difference``; metres.
    sections : list of Section
        Two vertical sections across the site.
    """

    site_id: str
    kind: str
    name: str
    crs: Any
    mesh: Mesh
    measurements: gpd.GeoDataFrame
    summary: dict[str, Any]
    change: M3C2Result | None = None
    extra_meshes: dict[str, Mesh] = field(default_factory=dict)
    rasters: dict[str, xr.DataArray] = field(default_factory=dict)
    sections: list[Section] = field(default_factory=list)

    def save(self, folder: str | Path) -> Path:
        """Keep the result in `folder` so that :meth:`load` gives it back to the last bit.

        Returns
        -------
        Path
            The folder.

        Raises
        ------
        OutputError
            If it cannot be written.
        """
        from sxrisk.sites._store import save_result

        return save_result(self, Path(folder))

    @classmethod
    def load(cls, folder: str | Path) -> "SiteResult":
        """The result that :meth:`save` kept.

        Raises
        ------
        FileFormatError
            If the folder holds no whole result.
        """
        from sxrisk.sites._store import load_result

        return cls(**load_result(Path(folder)))

    def write_artefacts(self, folder: str | Path) -> list[Path]:
        """Write the files of the run folder: meshes, change, rasters, sections and summary.

        ``mesh.ply`` and ``mesh.glb``, one ``.glb`` for each further mesh, ``change.laz`` (core points with distance,
        level of detection and reason), a GeoTIFF for each raster, ``sections.dxf`` and ``summary.json``. The same
        result gives the same bytes.

        Returns
        -------
        list of Path
            In this order.
        """
        from sxrisk.scans import write_scan
        from sxrisk.sites._store import write_json
        from sxrisk.surfaces import write_raster, write_sections_dxf

        target = Path(folder)
        target.mkdir(parents=True, exist_ok=True)
        paths = [self.mesh.write(target / "mesh.ply"), self.mesh.write(target / "mesh.glb")]
        paths += [mesh.write(target / f"{name}.glb") for name, mesh in self.extra_meshes.items()]
        if self.change is not None:
            paths.append(write_scan(self.change.to_scan(), target / "change.laz"))
        paths += [write_raster(raster, target / f"{name}.tif") for name, raster in self.rasters.items()]
        if self.sections:
            paths.append(write_sections_dxf(self.sections, target / "sections.dxf"))
        return [*paths, write_json(self.summary, target / "summary.json")]

    def __repr__(self) -> str:
        change = "" if self.change is None else f", {len(self.change.distance):,} core points"
        return (
            f"<SiteResult {self.site_id} ({self.kind}): {len(self.measurements)} measurements, {self.mesh!r}{change}>"
        )
