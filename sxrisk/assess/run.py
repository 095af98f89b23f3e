"""The main job: a project file in, the run folder out."""

import json
import shutil
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from html import escape
from pathlib import Path
from typing import Any

import geopandas as gpd
import pandas as pd

from sxrisk.assess.compare import change_counts, read_run_findings
from sxrisk.assess.manifest import describe_inputs, fingerprint, versions, write_manifest
from sxrisk.assess.project import ProjectFile
from sxrisk.assess.reporter import Reporter
from sxrisk.assess.run_folder import MANIFEST, run_folder
from sxrisk.assess.stages import STAGES, RunContext
from sxrisk.assess.state import RunState, file_sha256
from sxrisk.errors import InputError, ParameterError
from sxrisk.parallel import open_executor
from sxrisk.run_folder import RunFolder, output_errors

__all__ = ["RunResult", "StageFolder", "run_project"]


@dataclass(frozen=True)
class StageFolder:
    """What ``only=`` leaves: a folder that is not a finished run yet."""

    folder: Path
    stage: str


@dataclass(frozen=True)
class RunResult:
    """A finished run.

    Attributes
    ----------
    out : Path
        The run folder; ``index.html`` in it is the review pack's front page.
    manifest : dict
        What ``run.json`` says.
    """

    out: Path
    manifest: dict[str, Any] = field(repr=False)

    @property
    def index(self) -> Path:
        """Front page of the review pack."""
        return self.out / "index.html"

    def findings(self) -> gpd.GeoDataFrame:
        """All findings, in the findings schema."""
        return read_run_findings(self.out)

    def _repr_html_(self) -> str:
        colours = self.manifest["findings"]["by_colour"]
        cells = "".join(
            f"<tr><td>{name}</td><td style='text-align:right'>{count}</td></tr>" for name, count in colours.items()
        )
        head = "<tr><th>colour</th><th>findings</th></tr>"
        return f"<p>sxrisk run in <code>{escape(self.out.name)}/</code></p><table>{head}{cells}</table>"


def run_project(
    project: ProjectFile,
    out: Path,
    *,
    reporter: Reporter,
    resume: bool = False,
    only: str | None = None,
    strict: bool = False,
    workers: int = 1,
) -> RunResult | StageFolder:
    """Run the main job.

    Parameters
    ----------
    project : ProjectFile
        From :func:`load_project`.
    out : Path
        Run folder to make; what stood there becomes ``OUT.previous``.
    reporter : Reporter
        Told about progress.
    resume : bool
        Go on from the last finished stage of an interrupted run.
    only : str, optional
        Stop after this stage and leave ``OUT.partial`` for ``resume``.
    strict : bool
        Refuse rows that cannot be used instead of setting them aside.
    workers : int
        Local processes for the sites.

    Returns
    -------
    RunResult, or StageFolder with `only`

    Raises
    ------
    ParameterError
        If `only` names no stage.
    InputError
        Bad input; nothing of the last good result is touched.
    OutputError
        If the result cannot be written.
    """
    names = [stage.name for stage in STAGES]
    if only is not None and only not in names:
        raise ParameterError(f"there is no stage {only!r}", where="--only", expected=f"one of {', '.join(names)}")
    folder = run_folder(out)
    with folder.locked():
        inputs = describe_inputs(project)
        parameters = project.model_dump(mode="json", exclude={"layers": {"__all__": {"path"}}})
        folder.start(resume=resume)
        state = RunState(folder.state)
        with output_errors(folder.partial):
            state.bind(fingerprint(inputs, {"strict": strict}), resume=resume)
            try:
                timings = _run_stages(folder, project, state, reporter, only, strict, workers)
            except InputError:
                # What bad input has led to is of no use: mended input needs a new start.
                shutil.rmtree(folder.partial)
                raise
            if only is not None:
                return StageFolder(folder.partial, only)
            context = RunContext(project, folder.partial, state, reporter)
            manifest = _manifest(context, folder, inputs, _relative_paths(parameters, project), timings)
            write_manifest(folder.partial / MANIFEST, manifest)
        folder.finish()
    return RunResult(folder.out, manifest)


def _run_stages(
    folder: RunFolder,
    project: ProjectFile,
    state: RunState,
    reporter: Reporter,
    only: str | None,
    strict: bool,
    workers: int,
) -> dict[str, Any]:
    expected = _last_timings(folder.out)
    timings: dict[str, Any] = {}
    names = [stage.name for stage in STAGES]
    wanted = STAGES if only is None else STAGES[: names.index(only) + 1]
    # A worker is of use only where there are several sites to measure.
    with open_executor(min(workers, max(1, len(project.sites)))) as executor:
        context = RunContext(project, folder.partial, state, reporter, executor, strict, folder.out)
        for number, stage in enumerate(wanted, start=1):
            reporter.start_stage(stage.name, number, len(wanted), expected.get(stage.name))
            begin = time.monotonic()
            skipped = state.is_finished(stage.name)
            if not skipped:
                with state.stage(stage.name):
                    stage.run(context)
            seconds = time.monotonic() - begin
            timings[stage.name] = {"seconds": round(seconds, 2), "peak_rss_mb": _peak_rss_mb(), "resumed": skipped}
            reporter.end_stage(stage.name, seconds, skipped=skipped)
    return timings


def _last_timings(out: Path) -> dict[str, float]:
    path = out / MANIFEST
    if not path.is_file():
        return {}
    try:
        timings = json.loads(path.read_text(encoding="utf-8"))["timings"]
        return {name: entry["seconds"] for name, entry in timings.items()}
    except (ValueError, KeyError, TypeError):
        # A manifest that somebody edited only costs the estimate.
        return {}


def _peak_rss_mb() -> int | None:
    if sys.platform == "win32":
        return None
    import resource

    peak = max(resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return round(peak / (1 << 20 if sys.platform == "darwin" else 1 << 10))


def _relative_paths(parameters: Any, project: ProjectFile) -> Any:
    """Parameters without paths of this machine: what the inputs are stands under ``inputs``."""
    root = f"{project.path.parent.as_posix()}/"
    if isinstance(parameters, dict):
        return {key: _relative_paths(value, project) for key, value in parameters.items()}
    if isinstance(parameters, list):
        return [_relative_paths(value, project) for value in parameters]
    return parameters.removeprefix(root) if isinstance(parameters, str) else parameters


def _manifest(
    context: RunContext,
    folder: RunFolder,
    inputs: Sequence[dict[str, Any]],
    parameters: dict[str, Any],
    timings: dict[str, Any],
) -> dict[str, Any]:
    state = context.state
    findings = state.load("findings")
    not_applied = state.load_table("not_applied")
    return {
        "project": context.project.project.name,
        "as_of": context.project.project.as_of.isoformat(),
        "synthetic": context.project.project.synthetic,
        "versions": versions(),
        "inputs": list(inputs),
        "parameters": parameters,
        "layers": state.load_json("layer_reports"),
        "rows": _rows_of(state.load_json("layer_reports")),
        "quality": state.load_table("quality").drop(columns=["sentence_zh", "sentence_en"]).to_dict("records"),
        "findings": {
            "total": len(findings),
            "by_colour": _counts(findings["colour"], ("red", "orange", "yellow", "blue")),
            "by_status": _counts(findings["status"]),
            "by_rule": _counts(findings["rule_id"]),
        },
        "not_applied": not_applied.to_dict("records"),
        "gaps": state.load_table("gaps").to_dict("records"),
        "changes": change_counts(state.load_table("changes")) if state.has("changes") else None,
        "compared_with": state.load_json("compared_with"),
        "register": state.load_json("register"),
        "products": [
            {"file": path.relative_to(folder.partial).as_posix(), "sha256": file_sha256(path)}
            for path in sorted(folder.partial.rglob("*"))
            if path.is_file() and not path.is_relative_to(folder.state)
        ],
        "timings": timings,
    }


def _rows_of(reports: dict[str, Any]) -> dict[str, int]:
    """Rows of all files together; what was read is what was used, rejected and left out."""
    parts = ("read", "used", "rejected", "filtered")
    return {part: sum(report[f"rows_{part}"] for report in reports.values()) for part in parts}


def _counts(values: pd.Series, order: Sequence[str] | None = None) -> dict[str, int]:
    counted = values.value_counts()
    return {str(name): int(counted.get(name, 0)) for name in (order or sorted(counted.index))}
