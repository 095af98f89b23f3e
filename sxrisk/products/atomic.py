"""Files that appear whole or not at all."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from sxrisk.errors import OutputError

__all__ = ["replaced_whole"]


@contextmanager
def replaced_whole(path: Path) -> Iterator[Path]:
    """A place to write to, which takes the name `path` when the block ends without an error.

    Parameters
    ----------
    path : Path
        What stands there stays until then; its folder is made if need be.

    Raises
    ------
    OutputError
        If the folder cannot be written, or another program holds the file.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     with replaced_whole(Path(folder, "a.txt")) as part:
    ...         _ = part.write_text("whole")
    ...     Path(folder, "a.txt").read_text()
    'whole'
    """
    remedy = "Close it where it is open, or give another name"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        # The suffix stays last: drivers choose the format by it. A folder of its own holds what a library adds.
        holder = Path(tempfile.mkdtemp(prefix=f".{path.stem[:40]}.", dir=path.parent))
    except OSError as error:
        raise OutputError("the folder cannot be written", where=path.parent, remedy=str(error)) from error
    part = holder / path.name
    try:
        yield part
        try:
            part.replace(path)
        except OSError as error:
            raise OutputError("the file cannot be written", where=path, remedy=remedy) from error
    finally:
        for left in holder.glob("*"):
            with suppress(OSError):
                left.unlink()
        with suppress(OSError):
            holder.rmdir()
