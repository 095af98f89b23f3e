"""LAS and LAZ files: header, fields and records of LAS 1.4."""

import ctypes
import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path

import laspy
import lazrs
import numpy as np
import numpy.typing as npt

from sxrisk.errors import GeometryError, OutputError, ParameterError
from sxrisk.scans.writing.outgoing import STANDARD, Outgoing, Piece, description_of, system_of

__all__ = ["LasLayout", "compression", "write_las"]

UNDATED = date(1970, 1, 1)
SECONDS_OF_A_WEEK = 604_800.0
# Metres in a degree of latitude, to turn a step in metres into one in degrees.
METRES_OF_A_DEGREE = 111_320.0
USUAL_STEP = 0.001
LARGEST = 2**31 - 1
# Point formats up to 5 count whole degrees, later ones finer steps.
RANK, DEGREES_OF_AN_ANGLE_STEP = "scan_angle_rank", 0.006
DESCRIPTION_RECORD = 1
_NOTHING = [(ctypes.c_byte * 8)() for _ in range(3)]


class LasLayout:
    """Header of a LAS file for a cloud, and its records.

    Parameters
    ----------
    out : Outgoing
        The cloud.
    resolution_m : float, optional
        Step in which coordinates are stored; default the lattice that they came on, else a millimetre.
    """

    def __init__(self, out: Outgoing, resolution_m: float | None) -> None:
        self.source = out.cloud.source
        self.standard = {
            name for name, kind in out.kinds.items() if name in STANDARD and np.can_cast(kind, STANDARD[name][0])
        }
        if "scan_angle" in self.standard:
            self.standard.discard(RANK)
        colour = out.has_colour
        if not colour:
            self.standard -= {"red", "green", "blue", "nir"}
        header = laspy.LasHeader(version="1.4", point_format=8 if "nir" in self.standard else 7 if colour else 6)
        header.creation_date = out.cloud.epoch.date() if out.cloud.epoch is not None else UNDATED
        header.generating_software, header.system_identifier = "sxrisk", "EXTRACTION"
        header.scales, header.offsets = _lattice(out, resolution_m)
        system = system_of(out.cloud)
        if system is not None and out.cloud.crs is not None:
            # LAS 1.4 asks for the WKT of 2001; laspy would write the one of 2019, which older programs cannot read.
            wkt = system.to_wkt("WKT1_GDAL", output_axis_rule=False)
            header.vlrs.append(laspy.vlrs.known.WktCoordinateSystemVlr(wkt))
        header.global_encoding.wkt = True
        header.vlrs.append(_description(out))
        self.names = {name: self._name(name, header) for name in out.kinds}
        header.add_extra_dims(
            [
                laspy.ExtraBytesParams(name=self.names[name], type=kind, description=description_of(name))
                for name, kind in out.kinds.items()
                if name not in self.standard
            ]
        )
        for record in header.vlrs.get("ExtraBytesVlr"):
            for field in record.extra_bytes_structs:
                # Least and greatest values are optional, and wrong as soon as one value is NaN.
                field.options &= ~(field.MIN_BIT_MASK | field.MAX_BIT_MASK)
                field._min[:], field._max[:] = _NOTHING, _NOTHING
        # A byte of colour becomes the two bytes that LAS wants: 255 -> 65535.
        self.colour_factor = 257 if colour and out.kinds["red"] == np.dtype("u1") else 1
        self.header = header

    def records(self, piece: Piece) -> laspy.ScaleAwarePointRecord:
        """The points of a piece as records."""
        record = laspy.ScaleAwarePointRecord.zeros(len(piece.xyz), header=self.header)
        for axis, steps in zip("XYZ", self.steps(piece.xyz).T, strict=True):
            record[axis] = steps
        for name, column in piece.columns.items():
            if name in self.standard:
                kind, largest = STANDARD[name]
                if largest and int(column.max()) > largest:
                    raise ParameterError(
                        f"a value of {column.max()}", where=f"attribute {name!r}", expected=f"at most {largest} in LAS"
                    )
                if name in ("red", "green", "blue"):
                    column = column.astype(kind) * np.uint16(self.colour_factor)
                elif name == RANK:
                    column = np.rint(column / DEGREES_OF_AN_ANGLE_STEP)
            record[self.names[name]] = column
        for name in ("return_number", "number_of_returns"):
            if name not in self.standard:
                # LAS counts returns from 1.
                record[name] = np.ones(len(piece.xyz), dtype="u1")
        if "gps_time" in self.standard and float(piece.columns["gps_time"].max()) > SECONDS_OF_A_WEEK:
            self.header.global_encoding.gps_time_type = laspy.header.GpsTimeType.STANDARD
        return record

    def steps(self, xyz: npt.NDArray[np.float64]) -> npt.NDArray[np.int64]:
        """Coordinates (n, 3) as whole steps from the header's offset.

        Raises
        ------
        GeometryError
            If the cloud is too wide for the step.
        """
        steps = np.rint((xyz - self.header.offsets) / self.header.scales)
        if np.abs(steps).max(initial=0.0) > LARGEST:
            raise GeometryError(
                f"a point lies {np.abs(xyz - self.header.offsets).max():.0f} from the middle of the cloud, too far for "
                f"steps of {self.header.scales.min():g}",
                where=self.source or None,
                expected=f"at most {LARGEST} steps",
                remedy="Crop the cloud, or write it with a larger resolution_m",
            )
        return steps.astype(np.int64)

    def _name(self, name: str, header: laspy.LasHeader) -> str:
        """A name that does not collide with a standard dimension that the values do not fit into."""
        if name in self.standard:
            return "scan_angle" if name == RANK else name
        if not 0 < len(name.encode()) < 32:
            raise ParameterError("a name that LAS cannot hold", where=f"extra {name!r}", expected="1 to 31 bytes")
        return f"{name}_" if name in header.point_format.dimension_names else name


def write_las(out: Outgoing, path: Path, resolution_m: float | None) -> None:
    """Write ``.las`` or ``.laz``, piece by piece.

    Parameters
    ----------
    out : Outgoing
        The cloud.
    path : Path
        The ending says whether it is compressed.
    resolution_m : float, optional
        Step in which coordinates are stored; default the lattice that they came on, else a millimetre.
    """
    layout = LasLayout(out, resolution_m)
    compress = path.suffix.lower() == ".laz"
    with (
        compression(path),
        laspy.open(
            path, mode="w", header=layout.header, do_compress=compress, laz_backend=laspy.LazBackend.LazrsParallel
        ) as file,
    ):
        for piece in out.pieces():
            file.write_points(layout.records(piece))
            file.header.global_encoding.gps_time_type = layout.header.global_encoding.gps_time_type


@contextmanager
def compression(path: Path) -> Iterator[None]:
    """Turn the compressor's own error, which hides the disk's, into the usual one.

    Parameters
    ----------
    path : Path
        What is written.

    Raises
    ------
    OutputError
        If the compressor could not write.
    """
    try:
        yield
    except lazrs.LazrsError as error:
        raise OutputError(
            f"the compressed points cannot be written ({error})",
            where=path.parent,
            expected="an existing, writable folder with free space",
            remedy="Free space, or choose another folder",
        ) from error


def _lattice(out: Outgoing, resolution_m: float | None) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Steps and offset of the coordinates, three each."""
    quantum = getattr(out.cloud, "quantum", None)
    if resolution_m is None and quantum is not None:
        # The lattice of the file that they came from: every coordinate survives to the last bit.
        return np.abs(quantum.scale), np.array(quantum.offset)
    step = USUAL_STEP if resolution_m is None else resolution_m
    if not step > 0:
        raise ParameterError(f"steps of {step} m", where="resolution_m", expected="more than 0")
    crs, offsets = out.cloud.crs, np.round(out.cloud.origin)
    if crs is None or not crs.is_geographic:
        return np.full(3, step), offsets
    degrees = 10.0 ** np.floor(np.log10(step / METRES_OF_A_DEGREE))
    return np.array([degrees, degrees, step]), offsets


def _description(out: Outgoing) -> laspy.VLR:
    """What LAS has no place for: heights alone, epoch, stations and uncertainties, as JSON in a record of our own."""
    cloud = out.cloud
    alone = cloud.crs is None and cloud.vertical_crs is not None
    facts = {
        "vertical_crs": cloud.vertical_crs.to_wkt() if alone else None,
        "epoch": None if cloud.epoch is None else cloud.epoch.isoformat(),
        "stations": None if cloud.stations is None else cloud.stations.tolist(),
        "range_sigma_m": cloud.range_sigma_m,
        "registration_sigma_m": cloud.registration_sigma_m,
    }
    text = json.dumps({k: v for k, v in facts.items() if v is not None}, separators=(",", ":"))
    return laspy.VLR("sxrisk", DESCRIPTION_RECORD, "scan as JSON", text.encode("ascii"))
