"""Two epochs of any size, from files to change, difference, volumes and mesh in one run that can be resumed."""

from sxrisk.change.comparison.pipeline import compare_scans
from sxrisk.change.comparison.result import ComparisonResult

__all__ = ["ComparisonResult", "compare_scans"]
