"""The main job: project file, stages, run folder; resume, manifest, comparison with the last run."""

from sxrisk.assess.api import InputCheck, Project
from sxrisk.assess.compare import change_counts, compare_findings, compare_runs
from sxrisk.assess.history import day_of_run
from sxrisk.assess.project import ProjectFile, load_project
from sxrisk.assess.register import RegisterUpdate, apply_register, update_register
from sxrisk.assess.reporter import Reporter, SilentReporter
from sxrisk.assess.run import RunResult, StageFolder, run_project
from sxrisk.assess.scan_batch import BatchOutcome, ScanTask, run_batch
from sxrisk.assess.stages import STAGES
from sxrisk.assess.violations import LayerFile, Violations, describe_layer, find_violations

__all__ = [
    "STAGES",
    "BatchOutcome",
    "InputCheck",
    "LayerFile",
    "Project",
    "ProjectFile",
    "RegisterUpdate",
    "Reporter",
    "RunResult",
    "ScanTask",
    "SilentReporter",
    "StageFolder",
    "Violations",
    "apply_register",
    "change_counts",
    "compare_findings",
    "compare_runs",
    "day_of_run",
    "describe_layer",
    "find_violations",
    "load_project",
    "run_batch",
    "run_project",
    "update_register",
]
