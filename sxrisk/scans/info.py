"""What a point file says about itself, told without reading its points."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from sxrisk.scans._suspicions import suspicions, unit_name
from sxrisk.scans.files import check_file
from sxrisk.scans.files.facts import Facts, gather_facts
from sxrisk.scans.source import Bounds

__all__ = ["ScanInfo", "StationInfo", "scan_info"]

SPARSE_STEP = 0.011  # units: coarser lattices lose what a scanner measures


@dataclass(frozen=True)
class StationInfo:
    """One station of a file.

    Attributes
    ----------
    name : str
        As the file calls it.
    position : tuple of 3 floats or None
        Where the scanner stood; None if the file does not say.
    n_points : int or None
        Its records.
    start : datetime or None
        Of its acquisition.
    sensor : str
        Vendor, model, serial number.
    """

    name: str
    position: tuple[float, float, float] | None = None
    n_points: int | None = None
    start: datetime | None = None
    sensor: str = ""


@dataclass(frozen=True, repr=False)
class ScanInfo:
    """What a point file says about itself.

    Attributes
    ----------
    name : str
        File name.
    format : str
        Format, version and kind of the file, for example ``LAZ 1.4, point format 6, COPC``.
    file_bytes : int
        Size of the file.
    n_points : int or None
        Points; of a file without a count an estimate by its size.
    n_points_is_estimate : bool
        Whether it is one.
    bounds : Bounds or None
        Least and greatest coordinates, as `bounds_from` says.
    bounds_from : str
        ``header``, ``sample`` (then the points reach at least so far) or empty.
    crs, vertical_crs : str or None
        Names of the systems that the file states.
    units : tuple of str
        Of plan and height.
    density_per_m2 : float or None
        Points by the area of the bounds: the least that the mean density can be.
    attributes : mapping of str to str
        Values per point and their types.
    extra_dimensions : tuple of str
        Those of a LAS that its standard does not know.
    stations : tuple of StationInfo
        Scanner stations.
    scale, offset : tuple of 3 floats or None
        Lattice of the coordinates.
    compression : str
        ``LAZ``, ``LZF``, or ``none``.
    copc_levels : mapping of int to int
        Points of each level of detail.
    gps_time : tuple of 2 floats or None
        Least and greatest, as the header states them.
    created : str
        Date that the header states.
    software : str
        Program that wrote the file.
    notices : tuple of str
        What is odd.
    """

    name: str
    format: str
    file_bytes: int
    n_points: int | None
    n_points_is_estimate: bool
    bounds: Bounds | None
    bounds_from: str
    crs: str | None
    vertical_crs: str | None
    units: tuple[str, str]
    density_per_m2: float | None
    attributes: Mapping[str, str]
    extra_dimensions: tuple[str, ...] = ()
    stations: tuple[StationInfo, ...] = ()
    scale: tuple[float, float, float] | None = None
    offset: tuple[float, float, float] | None = None
    compression: str = "none"
    copc_levels: Mapping[int, int] = field(default_factory=dict)
    gps_time: tuple[float, float] | None = None
    created: str = ""
    software: str = ""
    notices: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """As plain values, ready for JSON."""
        document = asdict(self)
        document["bounds"] = None if self.bounds is None else self.bounds._asdict()
        document["copc_levels"] = {str(level): count for level, count in self.copc_levels.items()}
        for station in document["stations"]:
            station["start"] = None if station["start"] is None else station["start"].isoformat()
        return {name: list(value) if isinstance(value, tuple) else value for name, value in document.items()}

    def __repr__(self) -> str:
        return "\n".join(f"{name:<12} {text}" for name, text in self._lines() if text)

    def _lines(self) -> list[tuple[str, str]]:
        about = "about " if self.n_points_is_estimate else ""
        points = "unknown" if self.n_points is None else f"{about}{self.n_points:,}"
        density = "" if self.density_per_m2 is None else f", at least {self.density_per_m2:.3g} per m2 of their box"
        lines = [
            ("file", f"{self.name}, {_size(self.file_bytes)}"),
            ("format", f"{self.format}, compression {self.compression}"),
            ("points", points + density),
        ]
        if self.bounds is not None:
            source = "" if self.bounds_from == "header" else " (of a sample: they reach at least so far)"
            b = self.bounds
            lines += [
                (axis, f"{low:.3f} to {high:.3f}{source}")
                for axis, low, high in (("x", b.xmin, b.xmax), ("y", b.ymin, b.ymax), ("z", b.zmin, b.zmax))
            ]
        lines += [
            ("plan", f"{self.crs or 'no coordinate system stated'} [{self.units[0]}]"),
            ("height", f"{self.vertical_crs or 'no height system stated'} [{self.units[1]}]"),
            ("attributes", ", ".join(f"{name} ({kind})" for name, kind in self.attributes.items())),
            ("extra", ", ".join(self.extra_dimensions)),
            ("lattice", "" if self.scale is None else f"scale {_triple(self.scale)}, offset {_triple(self.offset)}"),
            ("levels", ", ".join(f"{level}: {count:,}" for level, count in self.copc_levels.items())),
            ("GPS time", "" if self.gps_time is None else f"{self.gps_time[0]:.3f} to {self.gps_time[1]:.3f}"),
            ("created", self.created),
            ("software", self.software),
        ]
        lines += [(f"station {at}", _station_text(station)) for at, station in enumerate(self.stations)]
        return lines + [("notice", notice) for notice in self.notices]


def scan_info(path: str | Path) -> ScanInfo:
    r"""What a point file says about itself, without reading its points.

    The header, of a text table its first and last rows, and some of the first points to see whether the header can be
    true: a fraction of a second on a file of any size.

    Parameters
    ----------
    path : str or Path
        A file that :func:`sxrisk.read_scan` opens.

    Returns
    -------
    ScanInfo
        Shown as lines; :meth:`ScanInfo.to_dict` for programs.

    Raises
    ------
    InputError
        If the file is missing, empty, of another kind, or its header is damaged.

    Examples
    --------
    >>> import tempfile, pathlib, sxrisk as sx
    >>> from sxrisk.scans import scan_info
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "points.csv"
    >>> _ = path.write_text("x;y;z\n37512000,5;4123000,5;900,25\n37512001,5;4123000,5;900,5\n", encoding="utf-8")
    >>> info = scan_info(path)
    >>> info.n_points, info.bounds.zmax
    (2, 900.5)
    >>> print(info.notices[-1][:46])
    the eastings begin with a zone number (37): CG
    """
    path = Path(path)
    check_file(path, "a point cloud")
    facts = gather_facts(path)
    crs, vertical = facts.crs, facts.vertical_crs
    notices = [*facts.notices]
    if crs is None:
        notices.append("no coordinate system is stated: the numbers count as local metres unless you give one")
    if facts.bounds is not None:
        notices += suspicions(facts.bounds, crs, vertical)
    if facts.scale is not None and (crs is None or not crs.is_geographic) and max(facts.scale) > SPARSE_STEP:
        notices.append(f"coordinates are kept in steps of {max(facts.scale):g} {unit_name(crs)}")
    return ScanInfo(
        name=path.name,
        format=facts.format,
        file_bytes=path.stat().st_size,
        n_points=facts.n_points,
        n_points_is_estimate=facts.is_estimate,
        bounds=facts.bounds,
        bounds_from=facts.bounds_from if facts.bounds is not None else "",
        crs=None if crs is None else _label(crs),
        vertical_crs=None if vertical is None else _label(vertical),
        units=(unit_name(crs), unit_name(vertical if vertical is not None else _plan_length(crs))),
        density_per_m2=_density(facts),
        attributes=facts.attributes,
        extra_dimensions=facts.extra_dimensions,
        stations=tuple(StationInfo(**station) for station in facts.stations),
        scale=facts.scale,
        offset=facts.offset,
        compression=facts.compression,
        copc_levels=facts.levels,
        gps_time=facts.gps_time,
        created=facts.created,
        software=facts.software,
        notices=tuple(dict.fromkeys(notices)),
    )


def _plan_length(crs: Any) -> Any:
    return None if crs is None or crs.is_geographic else crs


def _density(facts: Facts) -> float | None:
    if facts.bounds is None or not facts.n_points or facts.bounds_from != "header":
        return None
    from sxrisk.scans._crs import unit_factor

    b, unit = facts.bounds, unit_factor(facts.crs)
    area = (b.xmax - b.xmin) * (b.ymax - b.ymin) * unit * unit
    return facts.n_points / area if area > 0 else None  # NaN for degrees: no area


def _label(crs: Any) -> str:
    code = crs.to_string()
    return f"{code} {crs.name}" if code.startswith("EPSG:") else str(crs.name)


def _size(size: int) -> str:
    return next(
        (f"{size / 1000**power:.{0 if not power else 1}f} {unit}" for power, unit in ((3, "GB"), (2, "MB"), (1, "kB"))
         if size >= 1000**power),
        f"{size} bytes",
    )  # fmt: skip


def _triple(values: tuple[float, float, float] | None) -> str:
    return "" if values is None else " ".join(f"{value:g}" for value in values)


def _station_text(station: StationInfo) -> str:
    place = "no place stated" if station.position is None else "at {:.3f} {:.3f} {:.3f}".format(*station.position)
    count = "" if station.n_points is None else f"{station.n_points:,} points"
    start = "" if station.start is None else station.start.isoformat(timespec="seconds")
    return ", ".join(filter(None, (station.name, place, count, start, station.sensor)))
