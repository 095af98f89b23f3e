"""Where the synthetic county lies, and its random streams.

All work is done in EPSG:4547 (CGCS2000, 3-degree Gauss-Kruger, central meridian 114 E), easting then northing, metres;
heights are in the 1985 datum (EPSG:5737).
"""

import zlib
from datetime import datetime, timedelta, timezone

import numpy as np
from numpy.typing import NDArray
from pyproj import Transformer

__all__ = [
    "AS_OF",
    "CELL_M",
    "COUNTY_EN",
    "COUNTY_ZH",
    "CRS_CODE",
    "DEM_SHAPE",
    "EAST_MIN",
    "EPOCHS",
    "GEOGRAPHIC",
    "MARK_ZH",
    "NORTH_MAX",
    "NORTH_MIN",
    "SEED",
    "SYNTHETIC_NOTE",
    "VERTICAL_CODE",
    "random_stream",
    "to_lonlat",
]

CRS_CODE = "EPSG:4547"
VERTICAL_CODE = "EPSG:5737"
GEOGRAPHIC = "EPSG:4490"
SEED = 20260630
CELL_M = 30.0
DEM_SHAPE = (696, 832)
"""Rows and columns of the elevation model, ``(n_north, n_east)``."""
EAST_MIN = 390_990.0
NORTH_MIN = 4_186_590.0
NORTH_MAX = NORTH_MIN + CELL_M * DEM_SHAPE[0]

COUNTY_ZH = "合山县"
COUNTY_EN = "Heshan county"
MARK_ZH = "（合成）"
"""Stands behind every made-up name, so that no one takes it for a real place or firm."""
SYNTHETIC_NOTE = (
    "SYNTHETIC sample data made by sxrisk.sample; no real place, person or firm. "
    "合成示例数据，与真实地点、人员、企业无关。"
)
AS_OF = datetime(2026, 6, 30, tzinfo=timezone(timedelta(hours=8)))
EPOCHS = (
    datetime(2026, 3, 15, 10, tzinfo=timezone(timedelta(hours=8))),
    datetime(2026, 6, 15, 10, tzinfo=timezone(timedelta(hours=8))),
)

_INVERSE = Transformer.from_crs(CRS_CODE, GEOGRAPHIC, always_xy=True)


def random_stream(seed: int, name: str) -> np.random.Generator:
    """A stream of random numbers of its own for each part, so that one part can change without moving the others.

    Parameters
    ----------
    seed : int
        Seed of the whole sample.
    name : str
        Name of the part.

    Returns
    -------
    numpy.random.Generator

    Examples
    --------
    >>> bool(random_stream(1, "roads").random() == random_stream(1, "roads").random())
    True
    """
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence([seed, zlib.crc32(name.encode())])))


def to_lonlat(xy: NDArray[np.float64]) -> NDArray[np.float64]:
    """Easting and northing (EPSG:4547, m) to longitude and latitude (EPSG:4490, degrees); shape (n, 2)."""
    lon, lat = _INVERSE.transform(xy[:, 0], xy[:, 1])
    return np.column_stack([lon, lat])
