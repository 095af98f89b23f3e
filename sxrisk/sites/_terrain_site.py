"""The stages every site under the open sky goes through before its own measures."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import xarray as xr
from shapely import MultiPoint

from sxrisk.change import M3C2Result
from sxrisk.errors import GeometryError
from sxrisk.scans import Scan
from sxrisk.sites._common import (
    SCENE_FACES,
    Rows,
    change_between,
    change_fields,
    cross_sections,
    plan_outline,
    without_islands,
)
from sxrisk.sites._epochs import Epoch, as_epochs, prepare, shared_grids
from sxrisk.sites.result import SiteResult
from sxrisk.surfaces import Mesh, grid_elevation, simplify, terrain_mesh
from sxrisk.surfaces.grids import cell_size_m, grid_points, inside_outline

__all__ = ["TerrainSite", "open_terrain_site"]

# What M3C2 uses where the project says nothing: fit for scans of a few hundred metres with points some 0.3 m apart.
CHANGE_DEFAULTS = {"normal_radius_m": 2.0, "cylinder_radius_m": 1.0, "max_depth_m": 3.0, "core_spacing_m": 1.0}
TARGET_CELLS = 250_000
CELLS_M = (0.25, 0.5, 1.0, 2.0, 5.0)
COARSE_M = 10.0
POINTS_A_CELL = 1.5
REFERENCE_FACES = 60_000
# Ground around the outline that a site's grids and scenes show: enough to see what it stands in.
MARGIN_M = 30.0


@dataclass
class TerrainSite:
    """A site's epochs, clean and in one position, with grids, change and what has been measured so far.

    Parameters
    ----------
    site_id, kind, name : str
        The site.
    epochs : list of Epoch
        Oldest first.
    outline : shapely polygon
        In the scans' coordinates.
    grids : list of xarray.DataArray
        Elevation of each epoch on one grid.
    rows : Rows
        Measurements so far.
    summary : dict
        Report so far.
    change : M3C2Result, optional
        Last against first epoch.
    """

    site_id: str
    kind: str
    name: str
    epochs: list[Epoch]
    outline: Any
    grids: list[xr.DataArray]
    rows: Rows
    summary: dict[str, Any]
    change: M3C2Result | None

    @property
    def first(self) -> Epoch:
        """The oldest epoch."""
        return self.epochs[0]

    @property
    def last(self) -> Epoch:
        """The latest epoch."""
        return self.epochs[-1]

    @property
    def cell_m(self) -> float:
        """Cell of the grids."""
        return cell_size_m(self.grids[0])

    @property
    def common_sigma_m(self) -> float:
        """1 sigma that all heights of the last epoch share against the first."""
        return float(self.last.scan.registration_sigma_m or 0.0)

    def finish(self, rasters: Mapping[str, xr.DataArray] | None = None) -> SiteResult:
        """Mesh, sections and everything measured as the site's result."""
        from sxrisk.findings import measurements_frame

        mesh = self._scene(self.grids[-1], SCENE_FACES)
        extra: dict[str, Mesh] = {}
        layers: dict[str, xr.DataArray] = {"elevation": self.grids[-1]}
        if self.change is not None:
            mesh = change_fields(mesh, self.change)
            extra["reference"] = self._scene(self.grids[0], REFERENCE_FACES)
            difference = self.grids[-1] - self.grids[0]
            difference.attrs.update(units="m", vertical_crs=self.grids[0].attrs["vertical_crs"])
            layers["difference"] = difference
        layers.update(rasters or {})
        labels = [epoch.label or f"epoch {i}" for i, epoch in enumerate(self.epochs, start=1)]
        frame = measurements_frame(self.rows.rows)
        return SiteResult(
            site_id=self.site_id,
            kind=self.kind,
            name=self.name,
            crs=self.last.scan.crs,
            mesh=mesh,
            measurements=frame,
            summary=self.summary,
            change=self.change,
            extra_meshes=extra,
            rasters=layers,
            sections=cross_sections(dict(zip(labels, self.grids, strict=True)), self.outline),
        )

    def _scene(self, grid: xr.DataArray, faces: int) -> Mesh:
        scene: Mesh = simplify(without_islands(terrain_mesh(grid, max_gap_m=4.0 * self.cell_m)), faces)
        return scene


def open_terrain_site(
    kind: str,
    epochs: Sequence[Scan | Sequence[Scan]],
    *,
    site_id: str,
    name: str,
    outline: Any,
    outline_crs: Any,
    parameters: Mapping[str, Any],
    change_parameters: Mapping[str, Any] | None,
    crs: Any,
    vertical_crs: Any,
    min_body_m2: float,
    margin_m: float = MARGIN_M,
) -> TerrainSite:
    """Clean, register, grid and compare the epochs of a site.

    Registration and comparison see the whole scans, for the ground around a site is what holds the epochs together.
    Grids, and with them scenes and sections, end ``margin_m`` outside the outline; `parameters` may name another
    margin.
    """
    prepared = prepare(as_epochs(epochs, crs, vertical_crs), terrain=True, parameters=parameters)
    scan = prepared[-1].scan
    area = plan_outline(outline, outline_crs, scan.crs)
    shown = None if area is None else area.buffer(float(parameters.get("margin_m", margin_m)))
    near = prepared if shown is None else [_crop(epoch, shown, site_id) for epoch in prepared]
    cell = float(parameters.get("cell_m", 0.0)) or _fitting_cell(near)
    grids = shared_grids(near, cell)
    if shown is not None:
        grids = [grid.where(inside_outline(grid, shown)) for grid in grids]
    rows = Rows(kind, site_id, scan.crs)
    summary: dict[str, Any] = {
        "site_id": site_id,
        "kind": kind,
        "name": name,
        "crs": None if scan.crs is None else scan.crs.to_string(),
        "vertical_crs": None if scan.vertical_crs is None else scan.vertical_crs.to_string(),
        "cell_m": cell,
        "outline_from_scan": area is None,
        "epochs": [epoch.report() for epoch in prepared],
    }
    change: M3C2Result | None = None
    if len(prepared) > 1:
        settings = {**CHANGE_DEFAULTS, **(change_parameters or {})}
        change, summary["change"] = change_between(prepared[0], prepared[-1], settings, rows, min_area_m2=min_body_m2)
    if area is None:
        area = _hull(grids[-1])
    return TerrainSite(site_id, kind, name, prepared, area, grids, rows, summary, change)


def _crop(epoch: Epoch, shown: Any, site_id: str) -> Epoch:
    """The epoch with the points in the box around what is shown."""
    scan = epoch.scan.crop(shown.bounds)
    if not scan.n_points:
        raise GeometryError(
            "no point of the scan lies inside the outline",
            where=site_id,
            expected="outline and scan in the same place",
        )
    return replace(epoch, scan=scan)


def _fitting_cell(epochs: Sequence[Epoch]) -> float:
    """A cell that keeps the grid small enough to be meshed and holds a point or two where the scan is good."""
    box = np.array([epoch.scan.bounds() for epoch in epochs])
    width, height = box[:, 3].max() - box[:, 0].min(), box[:, 4].max() - box[:, 1].min()
    wanted = float(np.sqrt(width * height / TARGET_CELLS))
    for epoch in epochs:
        count = grid_elevation(epoch.scan, COARSE_M, method="count").to_numpy()
        density = float(np.percentile(count[count > 0], 75.0)) / COARSE_M**2
        wanted = max(wanted, float(np.sqrt(POINTS_A_CELL / density)))
    return next((cell for cell in CELLS_M if cell >= wanted), CELLS_M[-1])


def _hull(grid: xr.DataArray) -> Any:
    x, y = grid_points(grid)
    known = np.isfinite(grid.values)
    return MultiPoint(np.column_stack([x[known], y[known]])[::7]).convex_hull
