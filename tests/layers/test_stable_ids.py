"""Ids made of name and place: the same in any order, distinct wherever anything tells two features apart."""

import numpy as np
import pandas as pd
import shapely
from hypothesis import given
from hypothesis import strategies as st

from sxrisk.layers.stable_ids import made_ids, told_apart

feature = st.tuples(
    st.sampled_from(["A", "A", "B", "C"]), st.sampled_from(["", "柳沟村", "柳沟 村", "东崞"]),
    st.integers(0, 30).map(lambda step: 112.5 + step * 1e-6), st.sampled_from([37.5, 37.6]),
)  # fmt: skip


def parts(rows: list[tuple[str, str, float, float]]) -> tuple[pd.Series, pd.Series, np.ndarray]:
    ids, names, x, y = zip(*rows, strict=True)
    return pd.Series(ids, dtype="str"), pd.Series(names, dtype="str"), shapely.points(x, y)


@given(st.lists(feature, min_size=1, max_size=12, unique=True), st.randoms())
def test_ids_do_not_depend_on_the_order_of_rows(rows: list[tuple[str, str, float, float]], random: object) -> None:
    ids, names, points = parts(rows)
    order = list(range(len(rows)))
    random.shuffle(order)  # type: ignore[attr-defined]
    made, apart = made_ids("k", names, points), told_apart(ids, names, points)
    again = parts([rows[at] for at in order])
    assert made_ids("k", again[1], again[2]) == [made[at] for at in order]
    moved = told_apart(*again)
    assert [name.split("#")[0] for name in moved] == [ids[at] for at in order]
    assert apart.is_unique and moved.is_unique
    # Rows that agree in name and place to 1 cm are one thing told twice: which is called #2 says nothing.
    assert set(moved) == set(apart)


def test_a_better_survey_keeps_the_id_of_what_has_a_name() -> None:
    names = pd.Series(["柳沟村"])
    rough, fine = (made_ids("k", names, shapely.points([[lon, 37.50004]])) for lon in (112.50012, 112.50031))
    assert rough == fine


def test_exact_repetitions_are_numbered() -> None:
    ids, names, points = parts([("A", "x", 112.5, 37.5)] * 3)
    assert told_apart(ids, names, points).tolist() == ["A", "A#2", "A#3"]
