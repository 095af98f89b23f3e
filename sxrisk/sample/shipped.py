"""Where the sample lies: beside the checkout, else made anew."""

from collections.abc import Callable
from pathlib import Path

__all__ = ["sample_project"]


def sample_project(folder: Path, *, announce: Callable[[Path], None]) -> Path:
    """Project file of the sample county.

    A checkout ships the sample; an installed wheel does not, and makes the same bytes with the same generator.

    Parameters
    ----------
    folder : Path
        Where to make the sample if it is not shipped.
    announce : callable
        Called with `folder` before it is made, which takes a minute.

    Returns
    -------
    Path
        ``county.toml``.

    Raises
    ------
    OutputError
        If the sample cannot be written.
    """
    shipped = Path(__file__).resolve().parents[2] / "county.toml"
    if shipped.is_file() and (shipped.parent / "scans" / "truth.json").is_file():
        return shipped
    project = folder / "county.toml"
    # The project file is written last: where it is, the sample is whole.
    if not project.is_file():
        from sxrisk.sample.build import make_sample

        announce(folder)
        make_sample(folder)
    return project
