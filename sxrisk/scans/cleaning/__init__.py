"""What does not belong to the surface: strays, floating clusters, dust, mixed pixels, ghosts, double walls."""

from sxrisk.scans.cleaning.dust import clean_dust
from sxrisk.scans.cleaning.outliers import clean
from sxrisk.scans.cleaning.rays import clean_rays
from sxrisk.scans.cleaning.result import REASONS, Cleaned, Reason
from sxrisk.scans.cleaning.walls import DoubleWalls, double_walls

__all__ = ["REASONS", "Cleaned", "DoubleWalls", "Reason", "clean", "clean_dust", "clean_rays", "double_walls"]
