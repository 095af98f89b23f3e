"""What every engine is given."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date

import pandas as pd

from sxrisk.rules.criterion import Rule
from sxrisk.rules.features import FeatureTable, NotApplied, Selection
from sxrisk.rules.load import Catalogue
from sxrisk.rules.measurements import MeasurementTable

__all__ = ["Engine", "Parts", "RuleContext"]


@dataclass(frozen=True)
class RuleContext:
    """The world as the rules see it.

    Parameters
    ----------
    catalogue : Catalogue
        Criteria, colours, the user's values.
    table : FeatureTable
        Features of all layers.
    measured : MeasurementTable
        What was measured of them.
    as_of : date
        Day of the assessment.
    """

    catalogue: Catalogue
    table: FeatureTable
    measured: MeasurementTable
    as_of: date


Parts = tuple[pd.DataFrame, list[NotApplied]]
#: Finding rows of one rule, and what it could not be applied to, from its chosen subjects and objects.
Engine = Callable[[RuleContext, Rule, Selection, Selection], Parts]
