"""The catalogue of criteria and the engines that apply it to layers and measurements."""

from sxrisk.rules.apply import RuleOutcome, apply_rules
from sxrisk.rules.criterion import Condition, Rule, Selector
from sxrisk.rules.distance import check_distances
from sxrisk.rules.load import Catalogue, load_catalogue

__all__ = [
    "Catalogue",
    "Condition",
    "Rule",
    "RuleOutcome",
    "Selector",
    "apply_rules",
    "check_distances",
    "load_catalogue",
]
