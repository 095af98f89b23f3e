"""The catalogue of criteria and the engines that apply it to layers and measurements."""

from sxrisk.rules.apply import RuleOutcome, apply_rules
from sxrisk.rules.bulk import check_distances_partitioned
from sxrisk.rules.criterion import Condition, Rule, Selector
from sxrisk.rules.describe import rule_card, rule_table
from sxrisk.rules.distance import check_distances
from sxrisk.rules.engines.location_class import location_classes
from sxrisk.rules.load import Catalogue, check_catalogue_file, load_catalogue

__all__ = [
    "Catalogue",
    "Condition",
    "Rule",
    "RuleOutcome",
    "Selector",
    "apply_rules",
    "check_catalogue_file",
    "check_distances",
    "check_distances_partitioned",
    "load_catalogue",
    "location_classes",
    "rule_card",
    "rule_table",
]
