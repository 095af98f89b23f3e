"""Zip archives, unpacked so that none can write elsewhere, fill the disk or hide what it holds."""

import re
import shutil
import stat
import zipfile
import zlib
from dataclasses import replace
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory
from types import TracebackType
from typing import Self

from sxrisk.errors import FileFormatError, InputError
from sxrisk.layers._formats import ReadOptions, read_file, suffixes
from sxrisk.layers._source import Source
from sxrisk.layers.kinds import Kind
from sxrisk.layers.report import Issue

__all__ = ["Archive", "read_zip"]

_MAX_MEMBERS = 10_000
_MAX_BYTES = 4 * 1024**3
# Coordinates as text shrink to a tenth, a raster of zeros to a thousandth: beyond this it is made to fill a disk.
_MAX_RATIO = 500
_RATIO_FROM_BYTES = 50 * 1024**2
_CHUNK = 1 << 20
_UTF8_FLAG = 0x800
_ENCRYPTED_FLAG = 0x1
_DRIVE = re.compile(r"^[A-Za-z]:")
# Of programs, not of people.
_JUNK = re.compile(r"(^|/)(__MACOSX/|\.DS_Store$|Thumbs\.db$|desktop\.ini$)")
_DAMAGED = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, OSError, ValueError)


class Archive:
    """A zip archive whose members have harmless names, bounded sizes and whole content.

    Parameters
    ----------
    path : Path
        The archive.

    Raises
    ------
    FileFormatError
        If it is no zip, is damaged or encrypted, or a member names a place outside it, is a link, or unpacks to more
        than 4 GB or 500 times its size.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self._zip = zipfile.ZipFile(path)
        except _DAMAGED as error:
            raise FileFormatError(
                f"the archive cannot be opened: {error}", where=path, expected="a whole zip archive",
                remedy="Copy or pack it again",
            ) from error  # fmt: skip
        try:
            self._members = self._check()
        except FileFormatError:
            self._zip.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._zip.close()

    @property
    def names(self) -> tuple[str, ...]:
        """Members that are files, with ``/`` between folders."""
        return tuple(self._members)

    def read(self, name: str) -> bytes:
        """Content of a member.

        Raises
        ------
        FileFormatError
            If it is damaged, or longer than the archive states.
        """
        stated = self._members[name].file_size
        try:
            with self._zip.open(self._members[name]) as stream:
                # Stated sizes can lie: no more is unpacked than was checked.
                data = stream.read(stated + 1)
        except _DAMAGED as error:
            raise self._broken(name, str(error)) from error
        if len(data) != stated:
            raise self._broken(name, f"{len(data)} of {stated} bytes")
        return data

    def unpack(self, folder: Path) -> None:
        """All members as files below `folder`.

        Raises
        ------
        FileFormatError
            If a member is damaged, or longer than the archive states.
        """
        for name, member in self._members.items():
            target = folder.joinpath(*PurePosixPath(name).parts)
            try:
                target.parent.mkdir(parents=True, exist_ok=True)
                with self._zip.open(member) as stream, target.open("xb") as out:
                    shutil.copyfileobj(stream, out, _CHUNK)
            except _DAMAGED as error:
                raise self._broken(name, str(error)) from error

    def _broken(self, name: str, why: str) -> FileFormatError:
        return FileFormatError(
            f"the member {name} cannot be unpacked: {why}", where=self.path, remedy="Copy or pack it again"
        )

    def _check(self) -> dict[str, zipfile.ZipInfo]:
        entries = self._zip.infolist()
        if len(entries) > _MAX_MEMBERS:
            raise FileFormatError(
                f"the archive has {len(entries)} members", where=self.path, expected=f"{_MAX_MEMBERS} at most"
            )
        total = sum(entry.file_size for entry in entries)
        packed = max(1, sum(entry.compress_size for entry in entries))
        if total > _MAX_BYTES or (total > _RATIO_FROM_BYTES and total > _MAX_RATIO * packed):
            raise FileFormatError(
                f"the archive unpacks from {packed} to {total} bytes", where=self.path,
                expected=f"{_MAX_BYTES} bytes and {_MAX_RATIO} times its size at most",
                remedy="If that is meant, unpack it yourself and give the file inside",
            )  # fmt: skip
        members: dict[str, zipfile.ZipInfo] = {}
        taken: set[str] = set()
        for entry in entries:
            name = _real_name(entry)
            self._check_name(name, entry)
            if entry.is_dir() or _JUNK.search(name):
                continue
            # Two members of one name would overwrite each other on a disk without case.
            if name.casefold() in taken:
                raise FileFormatError(f"the archive holds {name} twice", where=self.path, remedy="Pack it again")
            taken.add(name.casefold())
            members[name] = entry
        return members

    def _check_name(self, name: str, entry: zipfile.ZipInfo) -> None:
        parts = PurePosixPath(name).parts
        outside = name.startswith("/") or ".." in parts or bool(_DRIVE.match(name)) or "\x00" in name
        if outside or (not parts and not entry.is_dir()):
            raise FileFormatError(
                f"the member {name!r} names a place outside the archive", where=self.path,
                expected="relative names without ..", remedy="Do not use this archive: it was made to do harm",
            )  # fmt: skip
        if stat.S_ISLNK(entry.external_attr >> 16):
            raise FileFormatError(f"the member {name!r} is a link", where=self.path, expected="files and folders")
        if entry.flag_bits & _ENCRYPTED_FLAG:
            raise FileFormatError("the archive is encrypted", where=self.path, remedy="Unpack it with its password")


def _real_name(entry: zipfile.ZipInfo) -> str:
    """Name of a member: Windows in China writes GBK bytes and does not say so."""
    name = entry.filename
    if not entry.flag_bits & _UTF8_FLAG:
        try:
            raw = name.encode("cp437")
        except UnicodeEncodeError:
            return name.replace("\\", "/")
        for encoding in ("utf-8", "gb18030"):
            try:
                name = raw.decode(encoding)
                break
            except UnicodeDecodeError:
                continue
    return name.replace("\\", "/")


def read_zip(path: Path, kind: Kind, options: ReadOptions) -> Source:
    """Rows of the file inside an archive, e.g. of a zipped Shapefile with its parts.

    Parameters
    ----------
    path : Path
        The archive.
    kind : Kind
        Handed to the reader of the file inside.
    options : ReadOptions
        ``layer`` chooses among several files, by name or stem; of a single file it is handed on.

    Raises
    ------
    FileFormatError
        If the archive is unsafe or damaged, holds no file that is read here, or several and none is chosen.
    """
    with Archive(path) as archive, TemporaryDirectory(prefix="sxrisk-") as folder:
        readable = [
            name for name in archive.names if PurePosixPath(name).suffix.casefold() in suffixes()
            and PurePosixPath(name).suffix.casefold() not in (".zip", ".kmz")
        ]  # fmt: skip
        # A .txt beside a Shapefile is a note, and CSV readers take any text.
        candidates = [name for name in readable if PurePosixPath(name).suffix.casefold() != ".txt"] or readable
        named = [name for name in candidates if options.layer in (name, Path(name).name, Path(name).stem)]
        inner = options.layer
        if named and len(candidates) > 1:
            candidates, inner = named, None
        if len(candidates) != 1:
            listed = ", ".join(candidates[:10])
            what = f"the archive holds {len(candidates)} layers" if candidates else "the archive holds no layer"
            expected = f"layer = one of {listed}" if candidates else f"a file with one of {' '.join(suffixes())}"
            raise FileFormatError(what, where=path, expected=expected)
        archive.unpack(Path(folder))
        file = Path(folder).joinpath(*PurePosixPath(candidates[0]).parts)
        try:
            source = read_file(file, kind, replace(options, layer=inner))
        except InputError as error:
            # The file has gone when a person reads this: name the archive and the member.
            problem = error.problem
            raise type(error)(
                problem.what, where=f"{path}, {candidates[0]}", expected=problem.expected, remedy=problem.remedy
            ) from error
        stem = file.with_suffix("").name
        others = [name for name in archive.names if Path(name).name.split(".")[0] != stem]
    told = f"read {candidates[0]}" + (f"; not read: {', '.join(others[:5])}" if others else "")
    source.issues.append(Issue("archive_members_not_read" if others else "read_from_archive", told, len(others)))
    return source
