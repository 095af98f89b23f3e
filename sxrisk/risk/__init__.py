"""The region: where risk gathers, in densities, four-colour grids and tables."""

from sxrisk.risk.heat import heatmap, write_heatmap
from sxrisk.risk.region import county_table, risk_grid

__all__ = ["county_table", "heatmap", "risk_grid", "write_heatmap"]
