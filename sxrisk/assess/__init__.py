"""The main job: project file, stages, run folder; resume, manifest, comparison with the last run."""

from sxrisk.assess.api import InputCheck, Project
from sxrisk.assess.compare import compare_findings
from sxrisk.assess.project import ProjectFile, load_project
from sxrisk.assess.reporter import Reporter, SilentReporter
from sxrisk.assess.run import RunResult, StageFolder, run_project
from sxrisk.assess.stages import STAGES

__all__ = [
    "STAGES",
    "InputCheck",
    "Project",
    "ProjectFile",
    "Reporter",
    "RunResult",
    "SilentReporter",
    "StageFolder",
    "compare_findings",
    "load_project",
    "run_project",
]
