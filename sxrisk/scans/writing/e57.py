"""E57: a scan for each station, in the station's own frame."""

import hashlib
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from sxrisk.errors import OutputError
from sxrisk.scans.writing.outgoing import COLOURS, Outgoing, Piece, system_of

__all__ = ["write_e57"]

BUFFER_POINTS = 100_000
# Fields of the standard that attributes go to; what is none of them becomes a field of our own extension.
STANDARD = {
    "intensity": "intensity",
    "red": "colorRed",
    "green": "colorGreen",
    "blue": "colorBlue",
    "row_index": "rowIndex",
    "column_index": "columnIndex",
    "return_number": "returnIndex",
    "number_of_returns": "returnCount",
}
# Times since the start of the week, or since 1980, are not the standard's timeStamp, which counts from the scan's
# begin: they become a field of our own. Returns are counted from 0 there.
RETURN = "return_number"
EXTENSION, EXTENSION_URI = "sx", "http://www.sxrisk.org/E57/attributes/1"
# E57 counts seconds of GPS time, which is ahead of UTC by the leap seconds since it began (none since 2017).
GPS_EPOCH, GPS_LEAP_SECONDS = datetime(1980, 1, 6, tzinfo=UTC), 18


def write_e57(out: Outgoing, path: Path) -> None:
    """Write a cloud as E57 with float64 coordinates; colours as bytes, further attributes in an extension.

    Parameters
    ----------
    out : Outgoing
        The cloud.
    path : Path
        Where to.

    Raises
    ------
    OutputError
        If the library cannot write the file.
    """
    from pye57 import libe57

    try:
        image = libe57.ImageFile(str(path), "w")
        try:
            _File(out, image).write()
        except BaseException:
            image.cancel()
            raise
        image.close()
    except libe57.E57Exception as error:
        raise OutputError(
            f"the file cannot be written ({error})",
            where=path,
            expected="an existing, writable folder with free space",
            remedy="Free space, or choose another folder",
        ) from error


class _File:
    def __init__(self, out: Outgoing, image: Any) -> None:
        from pye57 import libe57

        self.e57, self.out, self.image = libe57, out, image
        self.divisor = out.byte_colours()
        self.ranges = self._ranges()
        self.fields = {name: self._field(name) for name in out.kinds if name != "station_index"}

    def write(self) -> None:
        cloud, image, root = self.out.cloud, self.image, self.image.root()
        system = system_of(cloud)
        image.extensionsAdd("", self.e57.E57_V1_0_URI)
        if any(":" in field for field in self.fields.values()):
            image.extensionsAdd(EXTENSION, EXTENSION_URI)
        root.set("formatName", self._text("ASTM E57 3D Imaging Data File"))
        root.set("guid", self._text(self._guid("file")))
        root.set("versionMajor", self._whole(self.e57.E57_FORMAT_MAJOR))
        root.set("versionMinor", self._whole(self.e57.E57_FORMAT_MINOR))
        root.set("e57LibraryVersion", self._text(self.e57.E57_LIBRARY_ID))
        root.set("coordinateMetadata", self._text("" if system is None else system.to_wkt()))
        root.set("creationDateTime", self._moment())
        scans = self.e57.VectorNode(image, True)
        root.set("data3D", scans)
        root.set("images2D", self.e57.VectorNode(image, True))
        stations = np.empty((0, 3)) if cloud.stations is None else cloud.stations
        known = "station_index" in self.out.kinds or len(stations) == 1
        for number, place in enumerate(stations if known else []):
            self._scan(scans, f"station {number + 1}", number, place)
        # Points that no station is known to have seen, in the cloud's own coordinates.
        self._scan(scans, "no station", -1, None)

    def _scan(self, scans: Any, name: str, number: int, place: npt.NDArray[np.float64] | None) -> None:
        """A scan with the points of a station; none if there are none and it has no place."""
        pieces = self._pieces_of(number)
        first = next(pieces, None)
        if first is None and place is None:
            return
        origin = np.zeros(3) if place is None else place
        node = self.e57.StructureNode(self.image)
        node.set("guid", self._text(self._guid(name)))
        node.set("name", self._text(name))
        node.set("description", self._text(self.out.cloud.source))
        if place is not None:
            node.set("pose", self._pose(place))
        if self.out.cloud.epoch is not None:
            node.set("acquisitionStart", self._moment())
        if self.out.has_colour:
            node.set("colorLimits", self._limits({STANDARD[c]: (0, 255) for c in COLOURS}))
        if "intensity" in self.ranges:
            node.set("intensityLimits", self._limits({"intensity": self.ranges["intensity"]}))
        prototype = self.e57.StructureNode(self.image)
        for axis in "XYZ":
            prototype.set(f"cartesian{axis}", self.e57.FloatNode(self.image, 0.0))
        for attribute, field in self.fields.items():
            prototype.set(field, self._prototype(attribute))
        points = self.e57.CompressedVectorNode(self.image, prototype, self.e57.VectorNode(self.image, True))
        node.set("points", points)
        scans.append(node)
        if first is not None:
            low, high = self._points(points, first, pieces, origin)
            limits = {a: (low[i], high[i]) for i, a in enumerate("xyz")}
            node.set("cartesianBounds", self._limits(limits))

    def _points(
        self, points: Any, first: Piece, rest: Iterator[Piece], origin: npt.NDArray[np.float64]
    ) -> tuple[list[float], list[float]]:
        """Write the points and give their least and greatest coordinates in the scan's frame."""
        low, high = np.full(3, np.inf), np.full(3, -np.inf)
        buffers = self.e57.VectorSourceDestBuffer()
        arrays: dict[str, npt.NDArray[Any]] = {}
        for field in [*(f"cartesian{axis}" for axis in "XYZ"), *self.fields.values()]:
            arrays[field] = np.empty(BUFFER_POINTS)
            buffers.append(self.e57.SourceDestBuffer(self.image, field, arrays[field], BUFFER_POINTS, True, True))
        writer = points.writer(buffers)
        piece: Piece | None = first
        while piece is not None:
            for start in range(0, len(piece.xyz), BUFFER_POINTS):
                part = slice(start, start + BUFFER_POINTS)
                local = piece.xyz[part] - origin
                low, high = np.minimum(low, local.min(axis=0)), np.maximum(high, local.max(axis=0))
                for i, axis in enumerate("XYZ"):
                    arrays[f"cartesian{axis}"][: len(local)] = local[:, i]
                for attribute, field in self.fields.items():
                    values = piece.columns[attribute][part]
                    if field.startswith("color"):
                        values = values // self.divisor
                    elif field == STANDARD[RETURN]:
                        values = values - np.uint8(1)
                    arrays[field][: len(local)] = values
                writer.write(len(local))
            piece = next(rest, None)
        writer.close()
        return low.tolist(), high.tolist()

    def _pieces_of(self, number: int) -> Iterator[Piece]:
        stations = self.out.cloud.stations
        for piece in self.out.pieces():
            index = piece.columns.get("station_index")
            if index is None:
                if number == (0 if stations is not None and len(stations) == 1 else -1):
                    yield piece
                continue
            mask = index == number
            if mask.any():
                yield Piece(piece.xyz[mask], {name: values[mask] for name, values in piece.columns.items()})

    def _ranges(self) -> dict[str, tuple[float, float]]:
        """Least and greatest value of the fields whose limits the file states."""
        wanted = [name for name in self.out.kinds if self.out.kinds[name].kind in "iu" or name == "intensity"]
        ranges: dict[str, tuple[float, float]] = {}
        for piece in self.out.pieces() if wanted else ():
            for name in wanted:
                low, high = ranges.get(name, (np.inf, -np.inf))
                values = piece.columns[name]
                ranges[name] = min(low, float(np.nanmin(values))), max(high, float(np.nanmax(values)))
        return ranges

    def _field(self, name: str) -> str:
        if name in COLOURS and not self.out.has_colour:
            return f"{EXTENSION}:{name}"
        if name == RETURN and self.ranges.get(name, (0.0, 0.0))[0] < 1.0:
            return f"{EXTENSION}:{name}"
        return STANDARD.get(name, f"{EXTENSION}:{name}")

    def _prototype(self, name: str) -> Any:
        kind = self.out.kinds[name]
        if name in COLOURS and self.out.has_colour:
            return self.e57.IntegerNode(self.image, 0, 0, 255)
        if kind.kind in "iu":
            first = int(self.fields[name] == STANDARD[RETURN])
            low, high = (int(limit) - first for limit in self.ranges[name])
            return self.e57.IntegerNode(self.image, low, low, high)
        precision = self.e57.FloatPrecision.E57_SINGLE if kind == np.float32 else self.e57.FloatPrecision.E57_DOUBLE
        return self.e57.FloatNode(self.image, 0.0, precision)

    def _limits(self, ranges: dict[str, tuple[float, float]]) -> Any:
        node = self.e57.StructureNode(self.image)
        for field, (low, high) in ranges.items():
            whole = field.startswith("color")
            for word, value in (("Minimum", low), ("Maximum", high)):
                node.set(field + word, self._whole(int(value)) if whole else self.e57.FloatNode(self.image, value))
        return node

    def _pose(self, place: npt.NDArray[np.float64]) -> Any:
        pose, rotation, translation = (self.e57.StructureNode(self.image) for _ in range(3))
        for axis, value in zip("wxyz", (1.0, 0.0, 0.0, 0.0), strict=True):
            rotation.set(axis, self.e57.FloatNode(self.image, value))
        for axis, value in zip("xyz", place.tolist(), strict=True):
            translation.set(axis, self.e57.FloatNode(self.image, value))
        pose.set("rotation", rotation)
        pose.set("translation", translation)
        return pose

    def _moment(self) -> Any:
        epoch = self.out.cloud.epoch
        seconds = 0.0 if epoch is None else (epoch - GPS_EPOCH).total_seconds() + GPS_LEAP_SECONDS
        node = self.e57.StructureNode(self.image)
        node.set("dateTimeValue", self.e57.FloatNode(self.image, seconds))
        node.set("isAtomicClockReferenced", self._whole(0))
        return node

    def _guid(self, what: str) -> str:
        """An identifier that the same cloud gets again."""
        cloud = self.out.cloud
        facts = [what, cloud.source, cloud.n_points, list(cloud.bounds()), str(cloud.epoch)]
        digest = hashlib.sha256(json.dumps(facts).encode()).hexdigest()
        return "{" + "-".join((digest[:8], digest[8:12], digest[12:16], digest[16:20], digest[20:32])) + "}"

    def _text(self, text: str) -> Any:
        return self.e57.StringNode(self.image, text)

    def _whole(self, value: int) -> Any:
        return self.e57.IntegerNode(self.image, value, value, value)
