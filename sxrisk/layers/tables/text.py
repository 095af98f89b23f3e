"""Text of a file in whatever encoding an office used, whole or in pieces that fit into memory."""

import codecs
import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np

from sxrisk.errors import FileFormatError

__all__ = ["TextFile", "decode_text", "open_text"]

_BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF32_LE, "utf-32"), (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"),
)  # fmt: skip
_BLOCK_BYTES = 1 << 22
_HEAD_BYTES = 2000
# A guess of UTF-16 without a mark: this share of one half of the bytes is zero, and hardly any of the other.
_MANY_ZEROS, _FEW_ZEROS = 0.3, 0.05


@dataclass(frozen=True)
class TextFile:
    """A text file whose encoding is known to fit all of it."""

    path: Path
    encoding: str

    def blocks(self) -> Iterator[str]:
        """The text from its beginning, some millions of characters at a time, without a byte order mark."""
        with self.path.open("rb") as stream:
            yield from _without_mark(_decoded(stream, self.encoding))


def open_text(path: Path, encoding: str | None = None) -> TextFile:
    """A text file with its encoding, found as :func:`decode_text` does, by reading it once in pieces.

    Raises
    ------
    FileFormatError
        As :func:`decode_text`.
    """
    return TextFile(path, _find_encoding(lambda: path.open("rb"), path, encoding))


def decode_text(data: bytes, path: Path, encoding: str | None = None) -> tuple[str, str]:
    """Text of a file and the name of its encoding: as declared, by BOM, UTF-16 by its zeros, UTF-8, else GB18030.

    Raises
    ------
    FileFormatError
        If the bytes are no text, or not in the declared encoding; names the byte.
    """
    found = _find_encoding(lambda: io.BytesIO(data), path, encoding)
    return "".join(_without_mark(_decoded(io.BytesIO(data), found))), found


def _find_encoding(opened: Callable[[], BinaryIO], path: Path, encoding: str | None) -> str:
    if encoding is not None:
        return _declared(opened, path, encoding)
    with opened() as stream:
        head = stream.read(_HEAD_BYTES)
    guess = next((name for bom, name in _BOMS if head.startswith(bom)), None) or _utf16_by_zeros(head)
    failure: int | None = None
    for candidate in (guess,) if guess else ("utf-8", "gb18030"):
        at, nul = _first_error(opened, candidate)
        if at is not None:
            # The first encoding's byte is the useful one: GB18030 fails early on anything.
            failure = at if failure is None else failure
            continue
        if nul:
            break
        return "utf-8" if candidate == "utf-8-sig" else candidate
    place = f" (byte {failure})" if failure is not None else " (it holds NUL bytes)"
    raise FileFormatError(
        f"the file is no text that can be decoded{place}",
        where=path,
        expected="UTF-8, GB18030 (GBK) or UTF-16 text",
        remedy="Give its encoding, or save it again as CSV UTF-8",
    )


def _declared(opened: Callable[[], BinaryIO], path: Path, encoding: str) -> str:
    try:
        # Refuses codecs that are no encodings of text (hex, rot13), which the incremental decoder would take.
        b"".decode(encoding)
        at, nul = _first_error(opened, encoding)
    except (LookupError, UnicodeError, ValueError) as error:
        raise FileFormatError(
            f"{encoding!r} is no known encoding", where=path, expected="e.g. utf-8, gb18030, utf-16"
        ) from error
    if at is not None or nul:
        what = f"byte {at} is not {encoding}" if at is not None else f"read as {encoding} the file holds NUL characters"
        raise FileFormatError(what, where=path, remedy="Leave the encoding out to have it detected")
    return encoding


def _first_error(opened: Callable[[], BinaryIO], encoding: str) -> tuple[int | None, bool]:
    """Byte at which the decoding fails, None if it does not; and whether the text holds NUL characters."""
    decoder = codecs.getincrementaldecoder(encoding)()
    fed = 0
    nul = False
    with opened() as stream:
        while True:
            block = stream.read(_BLOCK_BYTES)
            fed += len(block)
            try:
                nul = nul or "\x00" in decoder.decode(block, final=not block)
            except UnicodeDecodeError as error:
                return fed - len(error.object) + error.start, nul
            if not block:
                return None, nul


def _decoded(stream: BinaryIO, encoding: str) -> Iterator[str]:
    decoder = codecs.getincrementaldecoder(encoding)()
    while block := stream.read(_BLOCK_BYTES):
        yield decoder.decode(block)
    yield decoder.decode(b"", final=True)


def _without_mark(blocks: Iterator[str]) -> Iterator[str]:
    first = True
    for block in blocks:
        yield block.removeprefix("\ufeff") if first else block
        first = first and not block


def _utf16_by_zeros(head: bytes) -> str | None:
    values = np.frombuffer(head, dtype=np.uint8)
    if len(values) < 4 or not (values == 0).any():
        return None
    even, odd = float((values[0::2] == 0).mean()), float((values[1::2] == 0).mean())
    if odd > _MANY_ZEROS and even < _FEW_ZEROS:
        return "utf-16-le"
    return "utf-16-be" if even > _MANY_ZEROS and odd < _FEW_ZEROS else None
