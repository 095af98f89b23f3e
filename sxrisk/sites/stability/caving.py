"""How high a roof caves before its own rubble fills the void."""

from collections.abc import Mapping
from typing import Any, Literal

import numpy as np
import pandas as pd

from sxrisk.sites.stability.formula import formula
from sxrisk.sites.stability.methods import METHODS, method_row
from sxrisk.sites.stability.monte_carlo import draw_values, spread_of
from sxrisk.sites.stability.ranges import parameter_values

__all__ = ["SHAPES", "caving_height_m", "caving_heights"]

Shape = Literal["column", "paraboloid", "cone"]

#: Part of base times height that a body of each shape holds.
SHAPES: Mapping[Shape, float] = {"column": 1.0, "paraboloid": 0.5, "cone": 1.0 / 3.0}


@formula("Vertical metres above the roof.")
def caving_height_m(
    thickness_m: Any,
    bulking_factor: Any,
    *,
    seam_dip_deg: Any = 0.0,
    shape: Shape = "column",
) -> Any:
    """Height above the roof up to which the rock caves until its rubble fills all the room.

    From mechanics (volume balance), evidence C; no text gives the numbers, so both are the user's. Over a plan area A
    the void holds ``A m / cos(alpha)``; what caves up to the height H holds ``c A H`` (c 1 for a column, the least
    high; 1/2 for a paraboloid, 1/3 for a cone) and lies in the end as ``k c A H`` of rubble. Rubble fills void and cave
    when ``k c H = m / cos(alpha) + c H``, so ``H = m / (c (k - 1) cos(alpha))``.

    Notes
    -----
    Rubble that runs off into neighbouring rooms or is washed away leaves room to cave higher; a roof that sags before
    it breaks, or a strong layer that bridges, caves lower.

    Examples
    --------
    >>> float(caving_height_m(3.0, 1.25)), float(caving_height_m(3.0, 1.25, shape="cone").round(9))
    (12.0, 36.0)
    """
    steepness = np.cos(np.radians(seam_dip_deg))
    gain = bulking_factor - 1.0
    return thickness_m / (SHAPES[shape] * gain * steepness)


def caving_heights(parameters: Mapping[str, Any], *, draws: int = 100_000, seed: int = 0) -> pd.DataFrame:
    """Caving height of each shape, with its spread, and how probably it reaches the surface.

    Parameters
    ----------
    parameters : mapping of str to value
        ``thickness_m``, ``bulking_factor``, ``seam_dip_deg`` and, where known, ``overburden_m`` (rock between roof and
        surface); numbers, ranges or distributions. Other names are not looked at.
    draws, seed : int
        Of the Monte Carlo draws.

    Returns
    -------
    DataFrame
        One row a shape: ``method, title_zh, title_en, evidence, applied, height_m`` (inputs at their medians),
        ``height_p05_m, height_p95_m, overburden_m, ratio`` (rock above over height; also ``_p05`` and ``_p95``),
        ``probability_surface`` (NaN where
        every value is exact or the rock above is unknown), ``reason, missing``.

    Raises
    ------
    ParameterError
        If a value is impossible or not readable.

    Examples
    --------
    >>> table = caving_heights({"thickness_m": 3.0, "bulking_factor": [1.2, 1.3], "seam_dip_deg": 0})
    >>> table.loc[0, ["height_m", "height_p95_m"]].astype(float).round(1).tolist()
    [12.0, 14.6]
    """
    names = {"thickness_m", "bulking_factor", "seam_dip_deg", "overburden_m"}
    known = parameter_values({name: value for name, value in parameters.items() if name in names})
    above = known.get("overburden_m")
    drawn = draw_values(known, draws=draws, seed=seed)
    rows = []
    for shape in SHAPES:
        method = METHODS["caving"][shape]
        missing = [name for name in method.needs if name not in known]
        height = low = high = probability = np.nan
        ratio_low = ratio_high = np.nan
        if not missing:
            height = float(caving_height_m(**{name: known[name].middle for name in method.needs}, shape=shape))
            heights = caving_height_m(**{name: drawn[name] for name in method.needs}, shape=shape)
            low, _, high = spread_of(heights)
            if above is not None:
                ratio_low, _, ratio_high = spread_of(drawn["overburden_m"] / heights)
                if not all(value.is_exact for value in known.values()):
                    probability = float(np.mean(heights >= drawn["overburden_m"]))
        rows.append(
            {
                **method_row(method, missing),
                "height_m": height,
                "height_p05_m": low,
                "height_p95_m": high,
                "overburden_m": np.nan if above is None else above.middle,
                "ratio": np.nan if above is None else above.middle / height,
                "ratio_p05": ratio_low,
                "ratio_p95": ratio_high,
                "probability_surface": probability,
            }
        )
    return pd.DataFrame(rows)
