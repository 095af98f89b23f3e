"""Shapefiles: all parts there and whole, their text in the encoding that they do not always state."""

import codecs
import struct
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sxrisk.errors import FileFormatError
from sxrisk.layers._source import Source, unique_headers
from sxrisk.layers.report import Issue
from sxrisk.layers.vectors.gdal import read_gdal

__all__ = ["codec_name", "decode_columns", "deleted_records", "likely_encoding", "read_shapefile", "sidecar"]

_SHP_MAGIC = 9994
_DBF_SAMPLE_BYTES = 20_000_000
_DBF_NAME_BYTES = 10
_DBF_HEAD_BYTES = 32


def read_shapefile(path: Path, *, encoding: str | None) -> Source:
    """Features of a Shapefile; its encoding by ``.cpg``, else by what the ``.dbf`` holds.

    Raises
    ------
    FileFormatError
        If the file is no Shapefile, a part is missing or cut short, or the encoding is unknown.
    InputError
        If it holds no feature.
    CRSError
        If its ``.prj`` cannot be read.
    """
    _check_shapefile(path)
    dbf = sidecar(path, ".dbf")
    chosen = encoding or _cpg_encoding(path)
    issues: list[Issue] = []
    if chosen is None:
        chosen = "UTF-8" if dbf is None else likely_encoding(dbf, skip=_DBF_HEAD_BYTES)
        if chosen == "GB18030":
            issues.append(Issue("encoding_guessed", "no .cpg, attributes read as GB18030 (GBK)"))
    codec = codec_name(chosen, path)
    # Latin-1 keeps every byte: decoded by GDAL, a name that is cut inside a character would end the reading.
    source = read_gdal(
        path,
        path,
        "a Shapefile (.shp with .shx and .dbf)",
        encoding="ISO-8859-1",
        drivers=("ESRI Shapefile",),
        deleted=None if dbf is None else deleted_records(dbf),
    )
    cut = {at for at, name in enumerate(source.table.columns) if len(name) >= _DBF_NAME_BYTES - 1}
    decode_columns(source, codec)
    source.cut_headers = frozenset(source.table.columns[at] for at in cut)
    source.encoding = chosen
    source.issues += issues
    return source


def codec_name(encoding: str, path: Path) -> str:
    """Python's name of an encoding.

    Raises
    ------
    FileFormatError
        If there is none.
    """
    try:
        # Python also has codecs that are no encodings of text (hex, zlib): they cannot decode to text.
        b"0000".decode(encoding, errors="ignore")
        return codecs.lookup(encoding).name
    except (LookupError, ValueError) as error:
        message = f"{encoding!r} is no known encoding"
        raise FileFormatError(message, where=path, expected="e.g. utf-8, gb18030") from error


def _check_shapefile(path: Path) -> None:
    """Refuse a file that is cut short: GDAL reads what is left of it and says nothing."""
    with path.open("rb") as stream:
        head = stream.read(100)
    if len(head) < 100 or struct.unpack(">i", head[:4])[0] != _SHP_MAGIC:
        raise FileFormatError("the file is no Shapefile", where=path, expected="a .shp with a 100-byte header")
    stated, real = 2 * struct.unpack(">i", head[24:28])[0], path.stat().st_size
    if real < stated:
        raise FileFormatError(
            f"the file is cut short: {real} of {stated} bytes",
            where=path,
            remedy="Copy the Shapefile again, all its parts",
        )
    for suffix in (".shx", ".dbf"):
        if sidecar(path, suffix) is None:
            raise FileFormatError(
                f"the Shapefile's {suffix} is missing", where=path, expected=f"{path.stem}{suffix} beside it",
                remedy="Copy all parts of the Shapefile: .shp, .shx, .dbf, .prj, .cpg",
            )  # fmt: skip
    dbf = sidecar(path, ".dbf")
    if dbf is not None:
        with dbf.open("rb") as stream:
            head = stream.read(32)
        size = dbf.stat().st_size
        wanted = 0
        if len(head) == 32:
            count, start, width = struct.unpack("<IHH", head[4:12])
            wanted = start + count * width
        if len(head) < 32 or size < wanted:
            raise FileFormatError(f"the file is cut short: {size} of {max(wanted, 32)} bytes", where=dbf)


def deleted_records(path: Path) -> NDArray[np.bool_]:
    """Which records of a dBASE table are marked as deleted."""
    data = np.fromfile(path, dtype=np.uint8)
    if len(data) < _DBF_HEAD_BYTES:
        return np.zeros(0, dtype=bool)
    count, start, width = struct.unpack("<IHH", data[4:12].tobytes())
    flags = data[start : start + count * width : width] if width else data[:0]
    return np.asarray(flags == ord("*"), dtype=bool)


def decode_columns(source: Source, codec: str) -> None:
    """Text of a table that was read as Latin-1, in its real encoding; characters cut at a field's end are dropped."""

    def decoded(text: str) -> str:
        return text.encode("latin-1").decode(codec, errors="ignore")

    table = source.table
    for column in table.columns:
        if pd.api.types.is_string_dtype(table[column].dtype):
            table[column] = table[column].map(decoded, na_action="ignore")
    table.columns = pd.Index(unique_headers([decoded(str(name)) for name in table.columns]))


def sidecar(path: Path, suffix: str) -> Path | None:
    """The file beside `path` with another suffix, in small or capital letters."""
    for candidate in (path.with_suffix(suffix), path.with_suffix(suffix.upper())):
        if candidate.is_file():
            return candidate
    return None


def _cpg_encoding(path: Path) -> str | None:
    cpg = sidecar(path, ".cpg")
    if cpg is None:
        return None
    name = cpg.read_text(encoding="ascii", errors="replace").strip()
    known = {
        "gbk": "GB18030",
        "gb2312": "GB18030",
        "936": "GB18030",
        "cp936": "GB18030",
        "utf8": "UTF-8",
        "65001": "UTF-8",
    }
    return known.get(name.casefold(), name) or None


def likely_encoding(path: Path, *, skip: int = 0) -> str:
    """UTF-8 or GB18030, by which of them a file of text holds fewer errors after its first `skip` bytes."""
    with path.open("rb") as stream:
        data = stream.read(_DBF_SAMPLE_BYTES)[skip:]
    # Fields of fixed width cut characters in two, so a few errors are no proof: the fewer decide.
    errors = {name: data.decode(name, errors="replace").count("\ufffd") for name in ("utf-8", "gb18030")}
    return "UTF-8" if errors["utf-8"] <= errors["gb18030"] else "GB18030"
