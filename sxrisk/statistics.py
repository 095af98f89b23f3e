"""Numbers of statistics that every floor shares."""

__all__ = ["Z_95"]

Z_95 = 1.959963984540054
"""Two-sided 95 % of the normal distribution, in standard deviations."""
