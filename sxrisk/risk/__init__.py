"""The region: where risk gathers, in densities, four-colour grids and tables."""

from sxrisk.risk.heat import heatmap, write_heatmap
from sxrisk.risk.ranking import RANKING_CRITERIA, goaf_criteria, rank_goafs
from sxrisk.risk.region import county_table, risk_grid

__all__ = [
    "RANKING_CRITERIA",
    "county_table",
    "goaf_criteria",
    "heatmap",
    "rank_goafs",
    "risk_grid",
    "write_heatmap",
]
