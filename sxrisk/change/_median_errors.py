"""How well a median is known from the interquartile range of few points."""

from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["median_error"]

Floats = npt.NDArray[np.float64]

# For samples of 2, 3, ... points of Gaussian noise: n times the variance of the median over the mean of the square of
# IQR / 1.349, and the degrees of freedom of that square, both by simulation (``benchmarks/false_alarms.py --constants``
# prints them). Quantiles of few points jump with n modulo 4, and so do these.
_SMALL = np.array(
    [
        (0.907, 1.00),
        (0.670, 1.97),
        (1.030, 2.63),
        (2.000, 1.59),
        (1.177, 2.48),
        (1.014, 3.36),
        (1.234, 4.00),
        (1.782, 3.07),
        (1.293, 3.94),
        (1.169, 4.81),
        (1.329, 5.44),
        (1.709, 4.54),
        (1.358, 5.40),
        (1.257, 6.27),
        (1.379, 6.88),
        (1.676, 6.01),
        (1.398, 6.88),
        (1.312, 7.72),
        (1.412, 8.37),
        (1.652, 7.48),
        (1.425, 8.33),
        (1.350, 9.19),
        (1.438, 9.83),
        (1.637, 8.96),
        (1.444, 9.81),
        (1.381, 10.65),
        (1.451, 11.29),
        (1.631, 10.44),
        (1.463, 11.29),
        (1.402, 12.14),
        (1.470, 12.76),
    ]
)
# Beyond, the limits pi / 2 and 0.3675 n, and their first corrections for n modulo 4 = 0, 1, 2, 3.
_FACTOR_STEP = np.array([-3.73, 1.60, -3.31, -5.47])
_FREEDOM_PER_POINT = 0.3675
_FREEDOM_STEP = np.array([0.95, -0.21, 0.28, 0.73])


def median_error(n: npt.NDArray[Any]) -> tuple[Floats, Floats]:
    """Factor (m,) from (IQR / 1.349) squared / n to the variance of the median, and its degrees of freedom (m,).

    NaN below two points.

    Parameters
    ----------
    n : (m,) int
        Numbers of points.

    Examples
    --------
    >>> factor, freedom = median_error(np.array([1_000_000]))
    >>> round(float(factor[0]), 3), round(float(freedom[0]))
    (1.571, 367501)
    """
    small = np.clip(n - 2, 0, len(_SMALL) - 1)
    many = np.maximum(n, 2)
    residue = many % 4
    large = n >= len(_SMALL) + 2
    factor = np.where(large, np.pi / 2.0 + _FACTOR_STEP[residue] / many, _SMALL[small, 0])
    freedom = np.where(large, _FREEDOM_PER_POINT * many + _FREEDOM_STEP[residue], _SMALL[small, 1])
    return np.where(n < 2, np.nan, factor), np.where(n < 2, np.nan, freedom)
