"""M3C2 over many epochs: one series a core point, kept where further epochs can be added."""

import warnings
from collections.abc import Sequence
from datetime import UTC
from pathlib import Path
from typing import Any, Literal, NamedTuple, get_args

import numpy as np
import numpy.typing as npt
import xarray as xr
import zarr

from sxrisk.change._plan import plan_m3c2
from sxrisk.change.deformation import core_blocks, m3c2
from sxrisk.change.detection import LodMethod, Statistic, level_of_detection
from sxrisk.change.tiles import epoch_statistics
from sxrisk.errors import CRSError, FileFormatError, ParameterError
from sxrisk.scans import Scan
from sxrisk.scans.cloud import Cloud

__all__ = ["m3c2_series"]

Floats = npt.NDArray[np.float64]
Against = Literal["first", "previous", "both"]

_CHUNK_POINTS = 1_000_000
_OPTIONS = ("normal_radius_m", "cylinder_radius_m", "max_depth_m", "min_points", "lod", "method", "against")
_TIME = {"units": "seconds since 1970-01-01T00:00:00", "dtype": "float64", "calendar": "proleptic_gregorian"}


class _Epoch(NamedTuple):
    position: Floats
    std: Floats
    n: npt.NDArray[np.int32]
    sigma: float


def m3c2_series(
    clouds: Sequence[Cloud],
    *,
    core_points: npt.ArrayLike | None = None,
    core_spacing_m: float = 0.5,
    normal_radius_m: float | Sequence[float] | None = None,
    cylinder_radius_m: float | None = None,
    max_depth_m: float | None = None,
    against: Against = "first",
    registration_sigma_m: float | None = None,
    lod: LodMethod = "t",
    method: Statistic = "mean",
    min_points: int = 5,
    normals: npt.ArrayLike | None = None,
    orientation: str | npt.ArrayLike | None = None,
    append: xr.Dataset | str | Path | None = None,
) -> xr.Dataset:
    """
    Change over many epochs at the same core points, along the normals of the first epoch.

    The cylinders stay where the first epoch puts them, so that every epoch is looked at once: its position along the
    normal is kept, and every difference between epochs, now or when another one is added, is a difference of
    positions. The distances are those of :func:`sxrisk.m3c2` with these core points and normals; the whole change must
    stay within `max_depth_m`.

    Parameters
    ----------
    clouds : sequence of Scan or TiledScan
        In the order of time; each states its ``epoch``.
    core_points, core_spacing_m, normal_radius_m, cylinder_radius_m, max_depth_m, lod, method, min_points
        As of :func:`sxrisk.m3c2`; the three sizes are needed unless `append` knows them.
    normals, orientation
        As of :func:`sxrisk.m3c2`.
    against : {"first", "previous", "both"}
        What each epoch is compared with. With "both" the difference from the epoch before has names of its own.
    registration_sigma_m : float, optional
        1 sigma between any two epochs, metres; None takes those that the clouds state.
    append : Dataset or path of a Zarr store, optional
        A series to which `clouds` are added; only they are computed, and core points, normals, sizes and choices are
        those of the series. A store on disk grows in place; interrupted, it is what it was before.

    Returns
    -------
    Dataset
        Dimensions ``time`` and ``point``. Coordinates: ``time`` in UTC, ``x, y, z`` and ``normal_x, normal_y,
        normal_z`` of the core points, ``registration_sigma_m`` of each epoch. Variables: ``distance_m``, ``lod95_m``,
        ``significant``, ``reason`` (:data:`sxrisk.change.REASONS`); ``position_m`` along the normal of the core point,
        its ``std_m`` and ``n``; with ``against="both"`` also ``step_m``, ``step_lod95_m``, ``step_significant``,
        ``step_reason``. The first epoch differs from nothing: distance 0 without a level of detection. Keep it with
        ``to_zarr`` (one epoch a chunk) or ``to_netcdf(engine="scipy")``.

    Raises
    ------
    ParameterError
        If an epoch is missing or not later than the one before, or a size is missing or not positive.
    CRSError
        If coordinate systems differ.
    FileFormatError
        If `append` is no such series.

    Examples
    --------
    >>> import numpy as np, sxrisk as sx
    >>> rng = np.random.default_rng(1)
    >>> xyz = rng.uniform(0.0, [10.0, 10.0, 0.01], (4000, 3))
    >>> epochs = [sx.Scan(xyz + [0.0, 0.0, 0.1 * k], epoch=f"2026-03-0{k + 1}T08:00:00+08:00") for k in range(3)]
    >>> series = m3c2_series(epochs, core_spacing_m=2.0, normal_radius_m=1.0, cylinder_radius_m=0.5, max_depth_m=1.0)
    >>> series.distance_m.mean("point").values.round(3)
    array([0. , 0.1, 0.2])
    >>> str(series.time.values[0])[:19]
    '2026-03-01T00:00:00'
    """
    if not len(clouds):
        raise ParameterError("no clouds", expected="at least one epoch")
    if append is None:
        if normal_radius_m is None or cylinder_radius_m is None or max_depth_m is None:
            raise ParameterError(
                "a size is missing", expected="normal_radius_m, cylinder_radius_m and max_depth_m, metres"
            )
        if against not in get_args(Against):
            raise ParameterError(f"against is {against!r}", expected="'first', 'previous' or 'both'")
        sizes: dict[str, Any] = {
            "normal_radius_m": normal_radius_m,
            "cylinder_radius_m": cylinder_radius_m,
            "max_depth_m": max_depth_m,
            "min_points": min_points,
            "lod": lod,
            "method": method,
        }
        start = m3c2(
            clouds[0],
            clouds[0],
            core_points=core_points,
            core_spacing_m=core_spacing_m,
            normals=normals,
            orientation=orientation,
            **sizes,
        )
        frame = _frame(start.core_points, start.normals, clouds[0], {**sizes, "against": against}, registration_sigma_m)
        return _extended(frame, clouds)
    if isinstance(append, xr.Dataset):
        _check_series(append, "the series")
        rows = _extended(append, clouds)
        return _encoded(xr.concat([append, rows], dim="time", data_vars="minimal", combine_attrs="override"))
    with _opened(append) as held:
        rows = _extended(held, clouds)
        _cut_back(append, held.sizes["time"])
    _append(rows, append)
    return xr.open_zarr(append, chunks=None)


def _frame(core: Floats, normals: Floats, first: Cloud, options: dict[str, Any], sigma: float | None) -> xr.Dataset:
    """A series without epochs."""
    coords: dict[str, Any] = {}
    for k, axis in enumerate("xyz"):
        coords[axis] = ("point", core[:, k], {"units": "m"})
        coords[f"normal_{axis}"] = ("point", normals[:, k])
    radii = np.atleast_1d(np.asarray(options["normal_radius_m"], dtype=np.float64))
    attrs = {
        **options,
        "normal_radius_m": [float(r) for r in radii],
        "registration_sigma_m": -1.0 if sigma is None else float(sigma),
        "crs": "" if first.crs is None else first.crs.to_wkt(),
        "vertical_crs": "" if first.vertical_crs is None else first.vertical_crs.to_wkt(),
    }
    coords["time"] = ("time", np.empty(0, "datetime64[ns]"))
    return xr.Dataset(coords=coords, attrs=attrs)


def _opened(path: str | Path) -> xr.Dataset:
    try:
        series = xr.open_zarr(path, chunks=None)
    except (OSError, ValueError, KeyError) as error:
        raise FileFormatError(
            f"it cannot be read as a Zarr store ({type(error).__name__})",
            where=path,
            expected="a series of m3c2_series",
        ) from error
    _check_series(series, path)
    return series


def _cut_back(path: str | Path, epochs: int) -> None:
    """Take away what an interrupted addition left: arrays longer than the store's own table of contents says."""
    for _, array in zarr.open_group(path, mode="r+", use_consolidated=False).arrays():
        names: Any = getattr(array.metadata, "dimension_names", None) or array.attrs.get("_ARRAY_DIMENSIONS", ())
        if names and names[0] == "time" and array.shape[0] != epochs:
            array.resize((epochs, *array.shape[1:]))


def _append(rows: xr.Dataset, path: str | Path) -> None:
    """Write further rows behind those of a store; its table of contents is renewed last."""
    # What a store already says of its arrays holds for the new part as well.
    for name in rows.variables:
        rows[name].encoding.clear()
    rows = rows.drop_vars([name for name in rows.coords if "time" not in rows[name].dims])
    with warnings.catch_warnings():
        # The table of contents in one file is what makes an interrupted addition invisible.
        warnings.filterwarnings("ignore", message="Consolidated metadata")
        rows.to_zarr(path, append_dim="time", consolidated=True)


def _check_series(series: xr.Dataset, where: str | Path) -> None:
    missing = [name for name in _OPTIONS if name not in series.attrs]
    missing += [name for name in ("position_m", "std_m", "n", "x", "normal_z") if name not in series.variables]
    if missing or not series.sizes["time"]:
        raise FileFormatError(
            f"it lacks {', '.join(missing) or 'epochs'}", where=where, expected="a series of m3c2_series"
        )


def _extended(series: xr.Dataset, clouds: Sequence[Cloud]) -> xr.Dataset:
    """The rows that further epochs add to a series, which may have none yet."""
    attrs = series.attrs
    core = np.column_stack([series[axis].values for axis in "xyz"])
    normals = np.column_stack([series[f"normal_{axis}"].values for axis in "xyz"])
    first = previous = None
    times = list(series["time"].values)
    if times:
        first, previous = _stored(series, 0), _stored(series, -1)
    rows: list[dict[str, Any]] = []
    sigmas = []
    for cloud in clouds:
        _check_crs(cloud, attrs)
        times.append(_time(cloud, times[-1] if times else None))
        epoch = _measured(cloud, core, normals, attrs)
        pairs = {
            "first": {"": first},
            "previous": {"": previous},
            "both": {"": first, "step_": previous},
        }[attrs["against"]]
        row: dict[str, Any] = {}
        for prefix, base in pairs.items():
            row.update(_compared(base, epoch, normals, attrs, prefix))
        rows.append({**row, "position_m": epoch.position, "std_m": epoch.std, "n": epoch.n})
        sigmas.append(epoch.sigma)
        first, previous = first or epoch, epoch
    coords: dict[str, Any] = {str(name): series[name] for name in series.coords if "time" not in series[name].dims}
    coords["time"] = ("time", np.array(times[len(times) - len(clouds) :], "datetime64[ns]"), {"time_zone": "UTC"})
    coords["registration_sigma_m"] = ("time", np.array(sigmas), {"units": "m"})
    variables = {
        name: (("time", "point"), np.stack([row[name] for row in rows]), {"units": "m"} if name.endswith("_m") else {})
        for name in rows[0]
    }
    return _encoded(xr.Dataset(variables, coords=coords, attrs=attrs))


def _encoded(series: xr.Dataset) -> xr.Dataset:
    """The series with the way it is kept: one epoch a chunk, so that adding one rewrites nothing."""
    series["time"].encoding = dict(_TIME)
    for name in series.variables:
        if name != "time":
            array = series[name]
            chunk = tuple(1 if d == "time" else max(1, min(_CHUNK_POINTS, series.sizes[d])) for d in array.dims)
            array.encoding = {"chunks": chunk}
    return series


def _stored(series: xr.Dataset, index: int) -> _Epoch:
    row = series.isel(time=index)
    return _Epoch(row.position_m.values, row.std_m.values, row.n.values, float(row.registration_sigma_m))


def _check_crs(cloud: Cloud, attrs: dict[str, Any]) -> None:
    for name in ("crs", "vertical_crs"):
        system = getattr(cloud, name)
        if (system.to_wkt() if system is not None else "") != attrs[name]:
            raise CRSError(
                f"the {name} of an epoch differs from the series'",
                where=cloud.source or None,
                expected="the same, because millimetres are compared",
                remedy="Transform the scan with Scan.to_crs, or declare the system of the one that does not know it",
            )


def _time(cloud: Cloud, last: np.datetime64 | None) -> np.datetime64:
    if cloud.epoch is None:
        raise ParameterError(
            "a cloud does not say when it was scanned",
            where=cloud.source or None,
            expected="an epoch",
            remedy="Give epoch= to read_scan",
        )
    time = np.datetime64(cloud.epoch.astimezone(UTC).replace(tzinfo=None), "ns")
    if last is not None and time <= last:
        raise ParameterError(
            f"the epoch {time} UTC is not later than {last}",
            where=cloud.source or None,
            expected="clouds in the order of time",
        )
    return time


def _measured(cloud: Cloud, core: Floats, normals: Floats, attrs: dict[str, Any]) -> _Epoch:
    cloud = cloud.require_metres()
    plan = plan_m3c2(
        cloud,
        cloud,
        core_points=core,
        normal_radius_m=attrs["normal_radius_m"],
        cylinder_radius_m=attrs["cylinder_radius_m"],
        max_depth_m=attrs["max_depth_m"],
        method=attrs["method"],
        orientation="up",
    )
    m = len(core)
    position, std, n = np.empty(m), np.empty(m), np.empty(m, np.int32)
    blocks = [np.arange(m)] if isinstance(cloud, Scan) else core_blocks(core, cloud.n_points)
    for rows in blocks:
        part = epoch_statistics(plan, cloud, core[rows], normals[rows])
        position[rows], std[rows], n[rows] = part.middle, np.sqrt(part.variance), part.n
    sigma = cloud.registration_sigma_m
    return _Epoch(position, std, n, np.nan if sigma is None else float(sigma))


def _compared(
    base: _Epoch | None, epoch: _Epoch, normals: Floats, attrs: dict[str, Any], prefix: str
) -> dict[str, Any]:
    """Difference of an epoch from another; from nothing where there is none."""
    few = attrs["min_points"]
    before = epoch if base is None else base
    reason = (before.n < few).astype(np.uint8) + 2 * (epoch.n < few).astype(np.uint8)
    reason[np.isnan(normals).any(axis=1)] = 4
    distance = np.where(reason == 0, epoch.position - before.position, np.nan)
    if base is None:
        lod95 = np.full(len(distance), np.nan)
    else:
        lod95 = level_of_detection(
            base.std**2,
            base.n,
            epoch.std**2,
            epoch.n,
            registration_sigma_m=pair_sigma(base.sigma, epoch.sigma, attrs),
            method=attrs["lod"],
            statistic=attrs["method"],
        )
        lod95[reason != 0] = np.nan
    name = f"{prefix}m" if prefix else "distance_m"
    return {
        name: distance,
        f"{prefix}lod95_m": lod95,
        f"{prefix}significant": np.abs(distance) > lod95,
        f"{prefix}reason": reason,
    }


def pair_sigma(first: Any, second: Any, attrs: dict[str, Any]) -> Any:
    """1 sigma of the registration between epochs, from their own or as given; what nobody knows counts as 0."""
    given = attrs["registration_sigma_m"]
    if given >= 0:
        return np.full(np.broadcast(first, second).shape, given) if np.ndim(first) or np.ndim(second) else given
    return np.hypot(np.nan_to_num(first), np.nan_to_num(second))
