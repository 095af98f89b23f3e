"""Files that are either whole or not there."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sxrisk.errors import OutputError

__all__ = ["whole_file"]


@contextmanager
def whole_file(path: str | Path) -> Iterator[Path]:
    """Path of a temporary file beside `path`, which takes its name when the block ends well.

    Parameters
    ----------
    path : str or Path
        Where the result shall be.

    Yields
    ------
    Path
        Where to write; same ending as `path`, so that writers that choose by the ending work.

    Raises
    ------
    OutputError
        If the disk is full, the folder read-only or missing, or the file is held open by another program.
    """
    target = Path(path)
    if not target.parent.is_dir():
        raise OutputError(
            "there is no such folder to write to", where=target.parent, expected="an existing, writable folder"
        )
    partial = target.with_name(f".partial-{os.getpid()}-{target.name}")
    try:
        yield partial
        partial.replace(target)
    except OSError as error:
        if isinstance(error, OutputError):
            raise
        raise OutputError(
            f"the file cannot be written ({error.strerror or error})",
            where=target,
            expected="an existing, writable folder with free space",
            remedy="Free space, close the program that holds the file, or choose another folder",
        ) from error
    finally:
        partial.unlink(missing_ok=True)
