"""The door for geophysical models: tables and VTK files become a property at points, with heights and systems."""

import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr

from sxrisk.crs import geographic_transform, plan_transform
from sxrisk.errors import CRSError, FileFormatError, MissingFieldError, ParameterError, UnverifiedInputWarning
from sxrisk.scans._crs import split_crs
from sxrisk.scans.geophysics.model import PropertyModel
from sxrisk.scans.geophysics.tables import PropertyTable, read_property_table

__all__ = ["read_property_model"]

Floats = npt.NDArray[np.float64]
Trace = Sequence[Sequence[float]]

_VTK = (".vtk", ".vti", ".vtr", ".vts", ".vtu", ".vtp")
_TABLES = (".csv", ".txt", ".xyz", ".dat")
_SAME_PLACE = 1e-6
_LEAST_LATTICE = 8


def read_property_model(
    path: str | Path,
    *,
    crs: Any = None,
    vertical_crs: Any = None,
    property_name: str | None = None,
    columns: Mapping[str, str] | None = None,
    trace: Trace | Mapping[str, Trace] | None = None,
    surface: float | xr.DataArray | None = None,
    encoding: str | None = None,
) -> PropertyModel:
    """
    Read a resistivity or velocity model: a volume, sections, or scattered values.

    Parameters
    ----------
    path : str or Path
        CSV or text with headers (x, y, z, value; Chinese headers too), the XYZ text of Res2DInv and Oasis montaj, or
        VTK (image, rectilinear, structured and unstructured grids, points; values at points or in cells).
    crs, vertical_crs : optional
        Systems of the coordinates, which such files do not name.
    property_name : str, optional
        Which value, where there are several.
    columns : mapping, optional
        Roles (``x``, ``y``, ``z``, ``depth``, ``distance``, ``line``, ``value``) to the file's headers.
    trace : sequence of (easting, northing), or mapping of line names to such, optional
        Course of a section in plan, for files that give only the distance along it.
    surface : float or DataArray, optional
        Height of the ground, metres, or a DEM in the same height system, for files that give depths.
    encoding : str, optional
        Of text; detected if left out.

    Returns
    -------
    PropertyModel

    Raises
    ------
    FileFormatError
        If the file is not what its name says, or a row is broken.
    MissingFieldError
        If places, heights or values are not there and not given.
    CRSError
        If the coordinates lie outside the stated system.
    """
    file = Path(path)
    if not file.is_file():
        raise FileFormatError("no such file", where=file)
    system, heights = split_crs(crs, vertical_crs, where=file)
    if file.suffix.lower() in _VTK:
        return _from_vtk(file, property_name, system, heights)
    if file.suffix.lower() not in _TABLES:
        raise FileFormatError(
            f"the ending {file.suffix!r} is not known", where=file, expected=", ".join((*_TABLES, *_VTK))
        )
    table = read_property_table(file, columns=columns, property_name=property_name, encoding=encoding)
    if table.left_out:
        warnings.warn(
            f"{file.name}: {table.left_out} rows without a place or a value were left out",
            UnverifiedInputWarning,
            stacklevel=2,
        )
    easting, northing = _plan_of(file, table, trace)
    if system is not None:
        easting, northing = _in_system(file, easting, northing, system)
    z = _heights(file, table, easting, northing, surface, system)
    xyz = np.column_stack([easting, northing, z])
    axes, order = _lattice(xyz)
    return PropertyModel(
        xyz[order], table.columns["property"][order], name=table.property_name, unit=table.unit,
        section=table.line[order], section_names=tuple(table.line_names), axes=axes, crs=system,
        vertical_crs=heights, source=file.name,
    )  # fmt: skip


def _plan_of(file: Path, table: PropertyTable, trace: Trace | Mapping[str, Trace] | None) -> tuple[Floats, Floats]:
    if "x" in table.columns and "y" in table.columns:
        return table.columns["x"], table.columns["y"]
    along = table.columns.get("distance", table.columns.get("x"))
    if along is None or trace is None:
        raise MissingFieldError(
            "the file gives only distances along its section" if along is not None else "no plan coordinates",
            where=file,
            expected="columns x and y, or trace= the section's course in plan",
        )
    easting, northing = np.empty_like(along), np.empty_like(along)
    for number, name in enumerate(table.line_names):
        own = table.line == number
        course = trace.get(name) if isinstance(trace, Mapping) else trace
        if course is None or (not isinstance(trace, Mapping) and len(table.line_names) > 1):
            raise MissingFieldError(
                f"no trace for line {name!r}", where=file, expected=f"a trace for each of {', '.join(table.line_names)}"
            )
        easting[own], northing[own] = _along(file, np.asarray(course, dtype=np.float64), along[own])
    return easting, northing


def _along(file: Path, course: Floats, distance: Floats) -> tuple[Floats, Floats]:
    if course.ndim != 2 or course.shape[0] < 2 or course.shape[1] < 2:
        raise ParameterError(f"a trace of shape {course.shape}", where=file, expected="two or more (easting, northing)")
    steps = np.hypot(*np.diff(course[:, :2], axis=0).T)
    at = np.concatenate([[0.0], np.cumsum(steps)])
    # Electrodes' spread may stand half a spacing beyond the first and last: a little more is still the section.
    slack = 0.02 * at[-1]
    if distance.min() < -slack or distance.max() > at[-1] + slack:
        raise ParameterError(
            f"distances from {distance.min():g} to {distance.max():g} m on a trace of {at[-1]:.1f} m",
            where=file,
            expected="a trace that begins at distance 0 and is as long as the section",
        )
    return np.interp(distance, at, course[:, 0]), np.interp(distance, at, course[:, 1])


def _in_system(file: Path, easting: Floats, northing: Floats, system: Any) -> tuple[Floats, Floats]:
    """Coordinates as easting and northing: Chinese tables write X for north, which only their size tells."""
    area = system.area_of_use
    if area is None or not system.is_projected:
        return easting, northing

    to_lonlat = geographic_transform(system)

    def fits(x: Any, y: Any) -> bool:
        lon, lat = to_lonlat(x, y)
        return bool(area.west - 1 <= lon <= area.east + 1 and area.south - 1 <= lat <= area.north + 1)

    x, y = float(np.median(easting)), float(np.median(northing))
    if fits(x, y):
        return easting, northing
    if fits(y, x):
        warnings.warn(
            f"{file.name}: x is taken as northing and y as easting, as only so they lie in {system.name}",
            UnverifiedInputWarning,
            stacklevel=3,
        )
        return northing, easting
    raise CRSError(
        f"the coordinates, about ({x:.0f}, {y:.0f}), do not lie in {system.name}",
        where=file,
        remedy="Give the crs in which the model was made",
    )


def _heights(file: Path, table: PropertyTable, easting: Floats, northing: Floats, surface: Any, system: Any) -> Floats:
    if "z" in table.columns:
        return table.columns["z"]
    # Depths are positive downwards; some programs write them negative.
    depth = np.abs(table.columns["depth"])
    if surface is None:
        raise MissingFieldError(
            "the file gives depths, not heights", where=file, expected="surface= the ground's height or a DEM"
        )
    if not isinstance(surface, xr.DataArray):
        return float(surface) - depth
    import rioxarray  # noqa: F401  registers the accessor

    if system is None or surface.rio.crs is None:
        raise CRSError("the model or the DEM has no CRS", where=file, expected="crs= of the model and a DEM with one")
    x, y = plan_transform(system, surface.rio.crs.to_wkt())(easting, northing)
    ground = surface.interp(x=xr.DataArray(x, dims="p"), y=xr.DataArray(y, dims="p")).values
    if not np.isfinite(ground).all():
        raise ParameterError(
            f"the DEM does not cover {int((~np.isfinite(ground)).sum())} of {len(ground)} places", where=file
        )
    return np.asarray(ground - depth)


def _lattice(xyz: Floats) -> tuple[tuple[Floats, Floats, Floats] | None, npt.NDArray[np.intp]]:
    """Axes of the full lattice that the points make, if they do, and the order in which they run through it."""
    origin = xyz.min(axis=0)
    codes, axes = [], []
    for column in range(3):
        steps = np.round((xyz[:, column] - origin[column]) / _SAME_PLACE).astype(np.int64)
        unique, code = np.unique(steps, return_inverse=True)
        axes.append(unique * _SAME_PLACE + origin[column])
        codes.append(code)
    shape = tuple(map(len, axes))
    if min(shape) < 2 or np.prod(shape, dtype=np.float64) != len(xyz) or len(xyz) < _LEAST_LATTICE:
        return None, np.arange(len(xyz))
    place = np.ravel_multi_index(tuple(codes), shape)
    order = np.argsort(place, kind="stable")
    if not (np.diff(place[order]) == 1).all():
        return None, np.arange(len(xyz))
    return (axes[0], axes[1], axes[2]), order


def _from_vtk(file: Path, property_name: str | None, crs: Any, vertical_crs: Any) -> PropertyModel:
    import pyvista as pv

    try:
        grid: Any = pv.read(file)
    except (ValueError, OSError, AttributeError, RuntimeError) as error:
        raise FileFormatError(f"VTK cannot read it: {error}", where=file) from error
    if not isinstance(grid, pv.DataSet) or grid.n_points == 0:
        raise FileFormatError("no points were found", where=file, expected="a VTK grid or points with values")
    arrays = [(name, "cell", grid.cell_data[name]) for name in grid.cell_data]
    arrays += [(name, "point", grid.point_data[name]) for name in grid.point_data]
    numbers = [item for item in arrays if np.ndim(item[2]) == 1 and np.issubdtype(np.asarray(item[2]).dtype, np.number)]
    chosen = [item for item in numbers if property_name in (None, item[0])]
    if len(chosen) != 1:
        names = ", ".join(f"{name} ({where})" for name, where, _ in numbers) or "none"
        raise ParameterError(
            f"values in the file: {names}", where=file, expected="property_name= one of them", remedy=None
        )
    name, where, found = chosen[0]
    values = np.asarray(found, dtype=np.float64)
    places = np.asarray((grid if where == "point" else grid.cell_centers()).points, dtype=np.float64)
    good = np.isfinite(values)
    if not good.any():
        raise FileFormatError(f"{name} has no finite value", where=file)
    axes, order = _lattice(places[good])
    key = name.casefold()
    kind = next((kind for kind in ("resistivity", "conductivity", "velocity") if kind in key), name)
    return PropertyModel(
        places[good][order], values[good][order], name=kind, axes=axes, crs=crs, vertical_crs=vertical_crs,
        source=file.name,
    )  # fmt: skip
