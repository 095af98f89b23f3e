"""A folder of results: built beside the last good one, swapped in when it is whole."""

import errno
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

from sxrisk.errors import InputError, OutputError

__all__ = ["RunFolder", "output_errors"]

_STATE = ".state"
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
    mark : str
        Name of the file that the run writes last: a partial folder that has it is whole.
    made_by : str
        What makes such folders, for the message on others: "no ... made".

    Examples
    --------
    >>> import tempfile
    >>> folder = RunFolder(Path(tempfile.mkdtemp()) / "result", mark="done.txt", made_by="example")
    >>> with folder.locked():
    ...     folder.start(resume=False)
    ...     _ = (folder.partial / "done.txt").write_text("42")
    ...     folder.finish()
    >>> sorted(path.name for path in folder.out.parent.iterdir()), [path.name for path in folder.out.iterdir()]
    (['result'], ['done.txt'])
    """

    def __init__(self, out: Path, *, mark: str, made_by: str) -> None:
        self.out = out.absolute()
        self.partial = self.out.with_name(self.out.name + ".partial")
        self.previous = self.out.with_name(self.out.name + ".previous")
        self.state = self.partial / _STATE
        self._mark, self._made_by = mark, made_by

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the folder for one run; a dead process holds nothing, and nothing is left of the lock.

        Raises
        ------
        InputError
            If another run is working into the same folder.
        OutputError
            If the parent folder cannot be written.
        """
        path = self.out.with_name(f".{self.out.name}.lock")
        lock = FileLock(path, timeout=0)
        with output_errors(self.out):
            self.out.parent.mkdir(parents=True, exist_ok=True)
            try:
                while not _acquired(lock, path):
                    lock.release()
            except Timeout as error:
                raise InputError(
                    "another run is writing here",
                    where=self.out,
                    remedy="Wait for it, end it, or give another folder",
                ) from error
        try:
            if (self.partial / self._mark).is_file():
                self.finish()
            yield
        finally:
            with suppress(OSError):  # Windows removes it itself, behind the release
                path.unlink()
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
            if _holds_something(place) and not any((place / mark).exists() for mark in (self._mark, _STATE)):
                raise InputError(
                    f"the folder holds files that no {self._made_by} made",
                    where=place,
                    expected=f"a new folder, or one with {self._mark}",
                    remedy="Give another folder",
                )
        with output_errors(self.partial):
            if not resume and self.partial.exists():
                shutil.rmtree(self.partial)
            self.state.mkdir(parents=True, exist_ok=True)

    def finish(self) -> None:
        """Remove what only the run needed, and swap the whole partial folder in; a kill on the way is made good.

        Raises
        ------
        OutputError
            If a file of the old result is held open by another program (Windows).
        """
        with output_errors(self.out):
            if self.state.exists():
                shutil.rmtree(self.state)
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
                remedy="Close the program that holds the file, or give another folder",
            ) from error
        if isinstance(error, FileExistsError | NotADirectoryError):
            raise OutputError(
                f"a file stands where a folder is needed ({error.filename})", where=folder, remedy="Give another folder"
            ) from error
        if getattr(error, "errno", None) == errno.EROFS:
            raise OutputError("the disk is read-only", where=folder, remedy="Give another folder") from error
        raise


def _holds_something(path: Path) -> bool:
    return any(path.iterdir()) if path.is_dir() else path.exists()


def _acquired(lock: FileLock, path: Path) -> bool:
    """Whether the lock is on the file that stands at the path: who held it before may have removed his own."""
    with path.open("ab") as file:
        lock.acquire()
        try:
            return os.path.samestat(os.fstat(file.fileno()), path.stat())
        except FileNotFoundError:
            return False


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
