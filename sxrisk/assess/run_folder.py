"""The run folder of the main job."""

from pathlib import Path

from sxrisk.run_folder import RunFolder

__all__ = ["MANIFEST", "run_folder"]

MANIFEST = "run.json"
"""Written last: a folder that has it is whole."""


def run_folder(out: Path) -> RunFolder:
    """The folder that a run of the main job makes.

    Parameters
    ----------
    out : Path
        Where the result shall stand.
    """
    return RunFolder(out, mark=MANIFEST, made_by="run of sxrisk")
