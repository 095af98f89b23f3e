"""Make the sample: layers, scans, their truth, and the project file."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

from sxrisk.errors import OutputError, ParameterError
from sxrisk.run_folder import output_errors
from sxrisk.sample import layer_files, scan_files
from sxrisk.sample.county import make_county
from sxrisk.sample.frame import SEED
from sxrisk.sample.project_file import write_project

__all__ = ["make_sample"]

Part = Literal["layers", "scans", "all"]


def make_sample(
    out: str | Path,
    *,
    seed: int = SEED,
    part: Part = "all",
    density: float = 1.0,
    progress: Callable[[str], None] | None = None,
) -> list[Path]:
    """Make the synthetic sample: ``sample_data/``, ``scans/`` and ``county.toml``.

    Parameters
    ----------
    out : str or Path
        Folder that gets them; it is made if it is not there.
    seed : int
        The same seed gives the same bytes.
    part : {"layers", "scans", "all"}
        What to write; the project file comes with ``"layers"`` and ``"all"``.
    density : float
        Share of the usual number of scan points, above 0 to 4.
    progress : callable, optional
        Called with a short English text before each step.

    Returns
    -------
    list of Path
        Files written.

    Raises
    ------
    ParameterError
        If an argument is out of range.
    OutputError
        If the folder cannot be written.

    Examples
    --------
    >>> make_sample("somewhere", density=0.0)
    Traceback (most recent call last):
    sxrisk.errors.ParameterError: density = 0; expected a number above 0 and up to 4.
    """
    if not 0.0 < density <= 4.0:
        raise ParameterError(f"density = {density:g}", expected="a number above 0 and up to 4")
    if part not in ("layers", "scans", "all"):
        raise ParameterError(f"part = {part!r}", expected="'layers', 'scans' or 'all'")
    if seed < 0:
        raise ParameterError(f"seed = {seed}", expected="0 or a positive whole number")
    tell = progress or (lambda _: None)
    root = Path(out)
    written: list[Path] = []
    with output_errors(root, remedy="Make room and start again"), _refused(root):
        root.mkdir(parents=True, exist_ok=True)
        tell("making the county")
        county = make_county(seed)
        if part in ("layers", "all"):
            tell("writing layers")
            written += layer_files.write_layers(root / "sample_data", county)
        stations: dict[str, Any] = {}
        if part in ("scans", "all"):
            stations, files = scan_files.write_scans(root / "scans", county, density, tell)
            written += files
        else:
            stations = scan_files.stations_of(county)
        if part in ("layers", "all"):
            written.append(write_project(root / "county.toml", stations))
    return written


@contextmanager
def _refused(root: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise OutputError(
            f"the sample cannot be written: {error.strerror or error}",
            where=root,
            remedy="Choose a folder you may write to",
        ) from error
