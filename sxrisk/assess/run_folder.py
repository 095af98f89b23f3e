"""The run folder: built beside the last good result, swapped in when it is whole."""

import errno
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from sxrisk.errors import InputError, OutputError

__all__ = ["MANIFEST", "RunFolder", "output_errors"]

MANIFEST = "run.json"
"""Written last: a partial folder that has it is whole."""

_STATE = ".state"
_DROPPED = ".state.dropped"
_NO_SPACE = {errno.ENOSPC, errno.EDQUOT}
# GDAL and the error of another process bring no number.
_FULL_WORDS = (os.strerror(errno.ENOSPC), os.strerror(errno.EDQUOT), "disk is full")
_NEARLY_FULL_BYTES = 1 << 20
_RESUME = "Make room and start again with --resume; the last good result is untouched"


class RunFolder:
    """``OUT`` with its two neighbours ``OUT.partial`` and ``OUT.previous``.

    A run is built in ``OUT.partial``. :meth:`finish` renames ``OUT`` to ``OUT.previous`` and the partial one to
    ``OUT``. A start after a kill between the two renames finishes them, so that the last good result is always whole.

    Parameters
    ----------
    out : Path
        Where the result shall stand.
    """

    def __init__(self, out: Path) -> None:
        self.out = out.absolute()
        self.partial = self.out.with_name(self.out.name + ".partial")
        self.previous = self.out.with_name(self.out.name + ".previous")
        self.state = self.partial / _STATE
        self._dropped = self.partial / _DROPPED

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the folder for one run; a dead process holds nothing.

        Raises
        ------
        InputError
            If another run is working into the same folder.
        OutputError
            If the parent folder cannot be written.
        """
        with output_errors(self.out):
            self.out.parent.mkdir(parents=True, exist_ok=True)
            lock = FileLock(self.out.with_name(f".{self.out.name}.lock"), timeout=0)
            try:
                lock.acquire()
            except Timeout as error:
                raise InputError(
                    "another run is writing here",
                    where=self.out,
                    remedy="Wait for it, end it, or give another --out",
                ) from error
        try:
            self._recover()
            yield
        finally:
            lock.release()

    def start(self, *, resume: bool) -> None:
        """Make the partial folder: empty, or as the interrupted run left it.

        Raises
        ------
        InputError
            If one of the three folders holds something that no run made.
        OutputError
            If it cannot be made.
        """
        for place in (self.out, self.partial, self.previous):
            if _holds_something(place) and not _is_ours(place):
                raise InputError(
                    "the folder holds files that no run of sxrisk made",
                    where=place,
                    expected=f"a new folder, or one with {MANIFEST}",
                    remedy="Give another --out",
                )
        with output_errors(self.partial):
            if not resume and self.partial.exists():
                shutil.rmtree(self.partial)
            if self._dropped.exists():
                shutil.rmtree(self._dropped)
            self.state.mkdir(parents=True, exist_ok=True)

    def drop_state(self) -> None:
        """Remove what the stages handed on; a kill on the way leaves a folder that starts anew, never half a state."""
        self.state.rename(self._dropped)
        shutil.rmtree(self._dropped)

    def finish(self) -> None:
        """Swap the whole partial folder in.

        Raises
        ------
        OutputError
            If a file of the old result is held open by another program (Windows).
        """
        self._swap()

    def _recover(self) -> None:
        if (self.partial / MANIFEST).is_file():
            self._swap()

    def _swap(self) -> None:
        with output_errors(self.out):
            if self.out.exists():
                if self.previous.exists():
                    shutil.rmtree(self.previous)
                self.out.rename(self.previous)
            self.partial.rename(self.out)


@contextmanager
def output_errors(folder: Path, *, remedy: str = _RESUME) -> Iterator[None]:
    """Turn the ways in which writing can fail into one clear :class:`OutputError`.

    Libraries report a full disk each in its own words, so the free space of the disk itself is asked as well.

    Parameters
    ----------
    folder : Path
        Where is being written.
    remedy : str
        What to do about a full disk.
    """
    try:
        yield
    except InputError:
        raise
    except Exception as error:
        if _says_full(error) or _is_full(folder):
            raise OutputError("the disk is full", where=folder, remedy=remedy) from error
        if isinstance(error, OutputError):
            raise
        if isinstance(error, PermissionError):
            raise OutputError(
                f"not allowed to write ({error.filename or folder})",
                where=folder,
                remedy="Close the program that holds the file, or give another --out",
            ) from error
        if isinstance(error, FileExistsError | NotADirectoryError):
            raise OutputError(
                f"a file stands where a folder is needed ({error.filename})", where=folder, remedy="Give another --out"
            ) from error
        if getattr(error, "errno", None) == errno.EROFS:
            raise OutputError("the disk is read-only", where=folder, remedy="Give another --out") from error
        raise


def _holds_something(path: Path) -> bool:
    return any(path.iterdir()) if path.is_dir() else path.exists()


def _is_ours(folder: Path) -> bool:
    return any((folder / mark).exists() for mark in (MANIFEST, _STATE, _DROPPED))


def _says_full(error: BaseException) -> bool:
    """Whether the error, or one that caused it, tells of a full disk: by number, or in a library's words."""
    while True:
        text = str(error)
        if getattr(error, "errno", None) in _NO_SPACE or any(words in text for words in _FULL_WORDS):
            return True
        if error.__cause__ is None:
            return False
        error = error.__cause__


def _is_full(folder: Path) -> bool:
    existing = next((place for place in (folder, *folder.parents) if place.exists()), None)
    return existing is not None and shutil.disk_usage(existing).free < _NEARLY_FULL_BYTES
