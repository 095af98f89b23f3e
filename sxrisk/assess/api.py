"""A project as Python users meet it: open, check, run, and its parts as tables and scans."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from html import escape
from pathlib import Path
from typing import Any

import geopandas as gpd
import pandas as pd

from sxrisk.assess.inputs import check_before_work, open_scans, read_epoch
from sxrisk.assess.inventory import check_features, load_project_layers
from sxrisk.assess.project import ProjectFile, Rectification, load_project
from sxrisk.assess.reporter import Reporter, SilentReporter
from sxrisk.assess.run import RunResult, StageFolder, run_project
from sxrisk.assess.stages import join_layers
from sxrisk.errors import ParameterError

__all__ = ["InputCheck", "Project"]


@dataclass(frozen=True)
class InputCheck:
    """What a project's inputs look like, before anything is computed.

    Attributes
    ----------
    layers : DataFrame
        ``layer, kind, rows, used, rejected, crs_source`` per layer.
    scans : DataFrame
        ``site, epoch, file, points, crs`` per scan file, from its header.
    notices : DataFrame
        ``layer, rows, what, detail``: why rows are set aside, and what was guessed, repaired or not understood.
    rules : int
        Number of criteria that are loaded.
    """

    layers: pd.DataFrame
    scans: pd.DataFrame
    notices: pd.DataFrame
    rules: int


class Project:
    """A project file, validated.

    Use :meth:`open` to make one.

    Parameters
    ----------
    file : ProjectFile
        From :func:`sxrisk.assess.load_project`.
    """

    def __init__(self, file: ProjectFile) -> None:
        self.file = file

    @classmethod
    def open(
        cls, path: str | Path, *, allow: Sequence[str | Path] = (), register: str | Path | None = None
    ) -> "Project":
        """Read and validate a project file.

        Parameters
        ----------
        path : str or Path
            The TOML file.
        allow : sequence of str or Path
            Folders outside the project's own from which it may read.
        register : str or Path, optional
            Rectification register whose confirmations count, instead of the one that the file names.

        Returns
        -------
        Project

        Raises
        ------
        ProjectError
            With every problem of the file at once.
        """
        file = load_project(path, allow=allow)
        if register is None:
            return cls(file)
        return cls(file.model_copy(update={"rectification": Rectification(path=Path(register).resolve())}))

    @property
    def name(self) -> str:
        """Name of the assessment in its own language."""
        return self.file.project.title(self.file.project.language)

    @cached_property
    def _layers(self) -> dict[str, gpd.GeoDataFrame]:
        return join_layers(self.file, {key: loaded.frame for key, loaded in load_project_layers(self.file)})

    def layer(self, key: str) -> gpd.GeoDataFrame:
        """One layer as a run understands it: checked, inside the region, with county, in EPSG:4490.

        All layers are read when the first is asked for.

        Raises
        ------
        ParameterError
            If the project has no layer of that id.
        """
        if key not in self.file.layers:
            raise ParameterError(f"no layer is called {key!r}", expected=f"one of {', '.join(self.file.layers)}")
        return self._layers[key].copy()

    def scans(self, site: str, epoch: int = 0) -> list[Any]:
        """Scans of a site at one epoch, lazily read.

        Parameters
        ----------
        site : str
            Id of the site in the project file.
        epoch : int
            0 is the oldest; negative counts from the newest.

        Returns
        -------
        list of Scan

        Raises
        ------
        ParameterError
            If there is no such site or epoch.
        """
        if site not in self.file.sites:
            raise ParameterError(f"no site is called {site!r}", expected=f"one of {', '.join(self.file.sites)}")
        epochs = self.file.sites[site].epochs
        if not -len(epochs) <= epoch < len(epochs):
            raise ParameterError(f"site {site!r} has no epoch {epoch}", expected=f"-{len(epochs)} to {len(epochs) - 1}")
        return read_epoch(self.file.sites[site], epochs[epoch])

    def check(self) -> InputCheck:
        """Read every layer and every scan header; compute nothing.

        Returns
        -------
        InputCheck

        Raises
        ------
        InputError
            At the first file that cannot be used.
        """
        rules = check_before_work(self.file)
        layers, notices, frames = [], [], {}
        for key, loaded in load_project_layers(self.file):
            for reason, rows in loaded.rejects.groupby("reason", sort=False):
                notices.append((key, len(rows), reason, f"row {rows['source_row'].iloc[0]}: {rows['detail'].iloc[0]}"))
            notices += [(key, issue.count, issue.code, issue.detail) for issue in loaded.report.issues]
            frames[key] = loaded.frame
            used, rejected = len(loaded.frame), len(loaded.rejects)
            origin = ", ".join(sorted(loaded.frame["crs_source"].unique()))
            layers.append((key, loaded.report.kind, used + rejected, used, rejected, origin))
        check_features(self.file, frames)
        scans = [
            (key, epoch.date.isoformat(), source.path.name, scan.n_points, scan.crs.name if scan.crs else "")
            for key, epoch, source, scan in open_scans(self.file)
        ]
        return InputCheck(
            pd.DataFrame(layers, columns=["layer", "kind", "rows", "used", "rejected", "crs_source"]),
            pd.DataFrame(scans, columns=["site", "epoch", "file", "points", "crs"]),
            pd.DataFrame(notices, columns=["layer", "rows", "what", "detail"]),
            rules,
        )

    def run(
        self,
        out: str | Path,
        *,
        resume: bool = False,
        only: str | None = None,
        strict: bool = False,
        workers: int = 1,
        reporter: Reporter | None = None,
    ) -> RunResult | StageFolder:
        """Do the main job; see :func:`sxrisk.assess.run_project` for the parameters and errors.

        Returns
        -------
        RunResult
            Its ``index`` is the front page, ``findings()`` the table.
        """
        return run_project(
            self.file,
            Path(out),
            reporter=reporter or SilentReporter(),
            resume=resume,
            only=only,
            strict=strict,
            workers=workers,
        )

    def _repr_html_(self) -> str:
        layers = "".join(
            f"<tr><td>{escape(key)}</td><td>{escape(source.kind)}</td><td>{escape(source.shown)}</td></tr>"
            for key, source in self.file.layers.items()
        )
        sites = "".join(
            f"<li>{escape(key)}: {escape(site.kind)}, {len(site.epochs)} epoch(s)</li>"
            for key, site in self.file.sites.items()
        )
        return (
            f"<h4>{escape(self.name)}</h4><p>as of {self.file.project.as_of}</p>"
            f"<table><tr><th>layer</th><th>kind</th><th>file</th></tr>{layers}</table><ul>{sites}</ul>"
        )
