"""Cut and fill between epochs, above a level, or above the ground under a heap, from files to a table."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from sxrisk.assess.scan_jobs.filters import write_frame
from sxrisk.assess.scan_jobs.opening import AS_STATED, Reading, beside, polygons_of, union_of
from sxrisk.assess.scan_jobs.surfaces import elevation_of
from sxrisk.errors import ParameterError
from sxrisk.layers import read_dem
from sxrisk.scans import whole_file
from sxrisk.surfaces import (
    base_surface,
    coregister,
    fitted_plane,
    spatial_error,
    volume_between,
    volumes_by_bench,
    volumes_by_polygon,
    write_raster,
)

__all__ = ["volume_file"]

RASTERS = (".tif", ".tiff", ".asc", ".dem", ".hgt", ".img")


def volume_file(
    inputs: Sequence[Path],
    output: Path,
    *,
    reading: Reading = AS_STATED,
    cell_m: float | None = None,
    level_m: float | None = None,
    plane: bool = False,
    base: str | None = None,
    polygons: str | None = None,
    benches_m: tuple[float, ...] | None = None,
    max_gap_m: float = 5.0,
    threshold_m: float = 0.0,
    common_sigma_m: float | None = None,
    stable: str | None = None,
    align: bool = False,
) -> dict[str, Any]:
    """Measure volumes and write them as a table, with the map of differences beside it.

    Parameters
    ----------
    inputs : sequence of Path
        Before and after; or only one, with `level_m`, `plane` or `base`. Point files, stores or elevation rasters.
    output : Path
        ``.csv``, or ``.gpkg`` with `polygons` or `base`; beside it ``_difference.tif``.
    reading : Reading
        How point files are opened.
    cell_m : float, optional
        Cell of the grids, metres; needed for point files.
    level_m : float, optional
        Height of a level surface, metres.
    plane : bool
        Against the plane that fits best.
    base : str, optional
        File of polygons, the toes of heaps: against the ground carried in from around each.
    polygons : str, optional
        File of polygons: a row for each.
    benches_m : tuple of float, optional
        Rising levels: a row for each bench.
    max_gap_m : float
        Widest gap that is filled from its rims, metres.
    threshold_m : float
        Smaller differences count neither as cut nor as fill, metres; the net counts all.
    common_sigma_m : float, optional
        1 sigma in height that all cells share, metres; default the registration of the scans, where all state it, else
        unknown: then `sigma_m3` is a lower bound.
    stable : str, optional
        File of polygons that did not move: size and reach of the errors are learnt there.
    align : bool
        First shift the later grid onto the earlier one.

    Returns
    -------
    dict
        ``cut_m3``, ``fill_m3``, ``net_m3``, ``sigma_m3`` and what they rest on.
    """
    _check(inputs, output, level_m, plane, base, polygons, benches_m, align)
    grids, sigmas = zip(*(_grid(path, cell_m, reading, output) for path in inputs), strict=True)
    after = grids[-1]
    system = after.rio.crs
    figures: dict[str, Any] = {}
    if align:
        ground = union_of(stable, system)
        shift = coregister(after, grids[0], stable=ground)
        after = shift.apply(after, like=grids[0])
        figures = {"shift_east_m": shift.east_m, "shift_north_m": shift.north_m, "shift_up_m": shift.up_m}
    options: dict[str, Any] = {"max_gap_m": max_gap_m}
    if base is not None:
        table, difference = _heaps(after, polygons_of(base, system), common_sigma_m or 0.0, max_gap_m)
        figures |= {name: float(table[name].sum()) for name in ("cut_m3", "fill_m3", "net_m3", "area_m2")}
        figures["sigma_m3"] = float(np.sqrt((table["sigma_m3"] ** 2).sum()))
    else:
        before = grids[0] if len(inputs) == 2 else fitted_plane(after) if plane else level_m
        shared = _common(sigmas, common_sigma_m)
        options["common_sigma_m"] = shared or 0.0
        if stable is not None:
            probe = volume_between(before, after, max_gap_m=0.0).difference
            options["error"] = spatial_error(probe, stable=union_of(stable, system))
        areas = None if polygons is None else polygons_of(polygons, system)
        outline = None if areas is None else areas.union_all()
        whole = volume_between(before, after, outline=outline, threshold_m=threshold_m, **options)
        difference = whole.difference
        figures |= {
            name: getattr(whole, name)
            for name in ("cut_m3", "fill_m3", "net_m3", "sigma_m3", "area_m2", "filled_share", "unknown_m2")
        }
        figures["common_sigma_m"] = "unknown" if shared is None else shared
        if areas is not None:
            table = volumes_by_polygon(before, after, areas, threshold_m=threshold_m, **options)
        elif benches_m is not None:
            table = volumes_by_bench(before, after, benches_m, **options)
        else:
            table = _one_row({name: figures[name] for name in figures if not name.startswith("shift_")})
    write_raster(difference, beside(output, "difference.tif"))
    if output.suffix.lower() == ".gpkg":
        write_frame(table, output)
    else:
        with whole_file(output) as partial:
            plain = table.drop(columns="geometry") if "geometry" in table else table
            plain.to_csv(partial, index=False, encoding="utf-8-sig")
    return {"rows": len(table), **figures}


def _grid(path: Path, cell_m: float | None, reading: Reading, output: Path) -> tuple[Any, float | None]:
    """Elevation grid of a file and the registration uncertainty that it states."""
    if path.suffix.lower() in RASTERS:
        # One of our own in local coordinates states no system, as the scan it was made of.
        return read_dem(path, crs=reading.crs, vertical_crs=reading.vertical_crs, require_crs=False), None
    if cell_m is None:
        raise ParameterError(
            f"{path.name} is a cloud and needs the size of the cells", where="--cell", expected="metres, e.g. 0.5"
        )
    with reading.open(path, output) as cloud:
        return elevation_of(cloud, cell_m), cloud.registration_sigma_m


def _common(sigmas: Sequence[float | None], stated: float | None) -> float | None:
    """1 sigma that all cells share: as stated, else what both scans know of their registration, else unknown."""
    if stated is not None:
        return stated
    known = [sigma for sigma in sigmas if sigma is not None]
    return float(np.sqrt(sum(sigma * sigma for sigma in known))) if len(known) == len(sigmas) else None


def _heaps(grid: Any, toes: Any, sigma_m: float, max_gap_m: float) -> tuple[Any, Any]:
    """Volume of each heap over the ground around it, and the heights above that ground."""
    rows, height = [], grid * np.nan
    for toe in toes.geometry:
        heap = volume_between(base_surface(grid, toe), grid, outline=toe, max_gap_m=max_gap_m, common_sigma_m=sigma_m)
        rows.append({name: getattr(heap, name) for name in _COLUMNS})
        height = height.where(heap.difference.isnull(), heap.difference)
    return toes.assign(**{name: [row[name] for row in rows] for name in _COLUMNS}), height.rio.write_crs(grid.rio.crs)


_COLUMNS = ("cut_m3", "fill_m3", "net_m3", "sigma_m3", "area_m2", "filled_share", "unknown_m2")


def _one_row(figures: dict[str, Any]) -> Any:
    import pandas as pd

    return pd.DataFrame([figures])


def _check(
    inputs: Sequence[Path],
    output: Path,
    level_m: float | None,
    plane: bool,
    base: str | None,
    polygons: str | None,
    benches_m: tuple[float, ...] | None,
    align: bool,
) -> None:
    references = [level_m is not None, plane, base is not None].count(True)
    if (len(inputs) == 2) == bool(references) or references > 1 or len(inputs) not in (1, 2):
        raise ParameterError(
            f"{len(inputs)} surfaces and {references} references",
            where="volume",
            expected="BEFORE and AFTER; or one surface and one of --level, --plane, --base",
        )
    if [polygons is not None, benches_m is not None, base is not None].count(True) > 1:
        raise ParameterError(
            "two ways to divide the volume", where="volume", expected="one of --polygons, --benches, --base"
        )
    if align and len(inputs) != 2:
        raise ParameterError("there is no earlier surface to align to", where="--align", expected="BEFORE and AFTER")
    areal = polygons is not None or base is not None
    if output.suffix.lower() not in (".csv", *((".gpkg",) if areal else ())):
        raise ParameterError(
            f"the table cannot be written as {output.name}",
            where="--out",
            expected="a name that ends in .csv" + (" or .gpkg" if areal else ""),
        )
