"""Rubbish for readers, and what every reader promises for it: a clear error, or all rows accounted for."""

import json
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import shapely
from hypothesis import strategies as st

from sxrisk.errors import InputError
from sxrisk.layers import LoadedLayer
from sxrisk.layers.readings.series import LoadedSeries

#: No reader may take longer for one small file.
LIMIT_S = 20.0

#: Cells that have broken table readers before.
NASTY = (
    "", " ", "nan", "NaN", "inf", "-inf", "1e400", "-1e308", "9" * 400, "0x10", "1_000", "１１２．５", "112°30′15.2″",
    "37-48-36", '"', '""', "'", ",", "\n", "\r", "\t", "\\", "\x00", "\ufeff", "\u202e", "😀", "=1+1", "#REF!",
    "合计", "填表人：", "是", "2026-03-15", "25:61", "POINT (1 1)", "1,2,3,*,", "38455000", "4188000", "None", "true",
    "999999999999999999999999", "1e-320", "٣٧", "Ⅳ",
)  # fmt: skip

cells = st.one_of(
    st.sampled_from(NASTY), st.floats(109, 116).map(repr), st.floats(33, 42).map(repr), st.floats().map(repr),
    st.integers().map(str), st.text(max_size=12), st.dates().map(str),
)  # fmt: skip
#: Tables of rubbish; rows of any length.
tables = st.lists(st.lists(cells, min_size=0, max_size=8), max_size=14)
#: Encodings a table may be in.
encodings = st.sampled_from(["utf-8", "utf-8-sig", "gb18030", "utf-16", "utf-16-le", "big5", "latin-1"])


def read_or_refuse(read: Callable[[], LoadedLayer | LoadedSeries], path: Path) -> LoadedLayer | LoadedSeries | None:
    """What a reader makes of a file; None if it refuses it with an error that names the file.

    Any other exception, a lost row, an original that is no JSON, a place that is not finite, or a reader that takes too
    long fails the test.
    """
    start = time.monotonic()
    try:
        loaded = read()
    except InputError as error:
        assert path.name in str(error), str(error)
        assert time.monotonic() - start < LIMIT_S
        return None
    assert time.monotonic() - start < LIMIT_S
    check_accounts(loaded)
    return loaded


def check_accounts(loaded: LoadedLayer | LoadedSeries) -> None:
    """Rows in are rows used, left out or rejected; what is used is usable."""
    report = loaded.report
    assert report.rows_read == report.rows_filtered + report.rows_used + report.rows_rejected
    assert len(loaded.frame) == report.rows_used
    assert len(loaded.rejects) == report.rows_rejected == sum(report.rejected_by_reason.values())
    assert (loaded.rejects["reason"] != "").all()
    for original in loaded.rejects["original"]:
        json.loads(original)
    if isinstance(loaded, LoadedLayer):
        assert loaded.frame["id"].is_unique
        xy = shapely.get_coordinates(loaded.frame.geometry.to_numpy())
        assert np.isfinite(xy).all()
        assert shapely.is_valid(loaded.frame.geometry.to_numpy()).all()
    else:
        assert loaded.frame["time"].notna().all()
        assert np.isfinite(loaded.frame["value"]).all()
        assert (loaded.frame["point_id"] != "").all()


def damaged(data: bytes, cut: float, flips: list[tuple[float, int]]) -> bytes:
    """A file cut at a share of its length, with some bytes changed at shares of it."""
    changed = bytearray(data[: max(1, round(len(data) * cut))])
    for where, value in flips:
        changed[min(len(changed) - 1, int(where * len(changed)))] ^= value
    return bytes(changed)


#: Arguments of :func:`damaged`.
damage = st.tuples(st.floats(0.01, 1.0), st.lists(st.tuples(st.floats(0, 1), st.integers(1, 255)), max_size=6))
