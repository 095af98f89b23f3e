"""What the stages of a run hand to each other: files in the partial folder, so that a run can go on where it stopped.

Every stage reads what it needs from here even when an earlier stage of the same process has just made it: a resumed
run then cannot differ from an undisturbed one.
"""

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import geopandas as gpd
import pandas as pd

from sxrisk.errors import InputError

__all__ = ["RunState", "file_sha256", "input_files"]

_SHAPEFILE_PARTS = (".shx", ".dbf", ".prj", ".cpg")


class RunState:
    """Tables and folders of a run by name, and which stages are finished.

    Parameters
    ----------
    folder : Path
        Inside the partial folder; made by :meth:`RunFolder.start`.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def save(self, name: str, table: pd.DataFrame) -> None:
        """Keep a table or GeoDataFrame under `name` (which may hold one ``/``)."""
        path = self._path(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        table = table.copy(deep=False)
        table.attrs = {}
        for column in [name for name, dtype in table.dtypes.items() if pd.api.types.is_object_dtype(dtype)]:
            # Columns of mixed types, as spreadsheets have them, are kept as their text.
            table[column] = table[column].map(_as_text)
        table.to_parquet(path)

    def load(self, name: str) -> gpd.GeoDataFrame:
        """The GeoDataFrame kept under `name`."""
        return gpd.read_parquet(self._path(name))

    def load_table(self, name: str) -> pd.DataFrame:
        """The plain table kept under `name`."""
        return pd.read_parquet(self._path(name))

    def has(self, name: str) -> bool:
        """Whether a table is kept under `name`."""
        return self._path(name).is_file()

    def save_json(self, name: str, value: Any) -> None:
        """Keep a JSON value under `name`."""
        (self.folder / f"{name}.json").write_text(json.dumps(value, ensure_ascii=False), encoding="utf-8")

    def load_json(self, name: str) -> Any:
        """The JSON value kept under `name`."""
        return json.loads((self.folder / f"{name}.json").read_text(encoding="utf-8"))

    def subfolder(self, name: str) -> Path:
        """A folder of the state for what is not a table."""
        path = self.folder / name
        path.mkdir(parents=True, exist_ok=True)
        return path

    def _path(self, name: str) -> Path:
        return self.folder / f"{name}.parquet"

    # ---- which stages are finished

    def is_finished(self, stage: str) -> bool:
        """Whether `stage` ended and what it made is whole."""
        return self._mark(stage).is_file()

    @contextmanager
    def stage(self, stage: str) -> Iterator[None]:
        """Mark `stage` as finished if the block ends without an error."""
        yield
        self._mark(stage).touch()

    def _mark(self, stage: str) -> Path:
        return self.folder / f"{stage}.finished"

    # ---- whether this state belongs to these inputs

    def bind(self, fingerprint: str, *, resume: bool) -> None:
        """Tie the state to the inputs, or check that it is tied to the same ones.

        Raises
        ------
        InputError
            If an interrupted run worked on other inputs.
        """
        path = self.folder / "fingerprint"
        if resume and path.is_file() and path.read_text() != fingerprint:
            raise InputError(
                "the interrupted run worked on other inputs, another project file or another version",
                where=self.folder.parent,
                remedy="Start without --resume",
            )
        path.write_text(fingerprint)


def _as_text(value: Any) -> str | None:
    return None if value is None or value is pd.NA or value != value else str(value)


def file_sha256(path: Path) -> str:
    """SHA-256 of a file's bytes, hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def input_files(path: Path) -> list[Path]:
    """The file itself and those that belong to it (a Shapefile has several)."""
    if path.suffix.lower() != ".shp":
        return [path]
    parts = [path.with_suffix(suffix) for suffix in _SHAPEFILE_PARTS]
    return [path, *(part for part in parts if part.is_file())]
