"""Many finding ids at once are those of `finding_id`, one by one, and their order is that of text."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sxrisk.findings import finding_id
from sxrisk.rules._ids import id_letters, id_numbers, id_order
from sxrisk.rules._text_columns import text_bytes

# Lengths about a word of eight bytes, about a block of 64 and beyond it; letters of one to four bytes.
KEY = st.one_of(
    st.text(st.sampled_from("a1/屋é𠀀"), max_size=12),
    st.integers(0, 140).map(lambda length: "k" * length),
)


def ids(rule: str, subjects: list[str], objects: list[str], rows: list[tuple[int, int]], parts=None) -> list[str]:
    i, j = np.array(rows, np.int32).reshape(-1, 2).T.copy()
    told = (np.zeros(0, np.uint8), np.zeros(0, np.int64)) if parts is None else text_bytes(parts)
    numbers = np.empty(len(rows), np.int64)
    id_numbers(text_bytes([rule])[0], *text_bytes(subjects), i, *text_bytes(objects), j, *told, 0, len(rows), numbers)
    return [bytes(letters).decode() for letters in id_letters(numbers)]


@settings(max_examples=150, deadline=None)
@given(st.text("P-30屋", min_size=1, max_size=20), st.lists(KEY, min_size=1, max_size=5), st.data())
def test_ids_are_those_of_single_findings(rule, keys, data):
    row = st.tuples(st.integers(0, len(keys) - 1), st.integers(0, len(keys) - 1))
    rows = data.draw(st.lists(row, min_size=1, max_size=150))
    assert ids(rule, keys, keys, rows) == [finding_id(rule, keys[i], keys[j]) for i, j in rows]


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(KEY, KEY, KEY), min_size=1, max_size=30))
def test_a_part_enters_the_id(rows):
    subjects, objects, parts = (list(column) for column in zip(*rows, strict=True))
    expected = [finding_id("R", *row[: 3 if row[2] else 2]) for row in rows]
    assert ids("R", subjects, objects, [(k, k) for k in range(len(rows))], parts) == expected


@pytest.mark.parametrize("count", [0, 1, 5, 300, 20_000])
def test_order_is_by_rank_and_then_by_id(count):
    rng = np.random.default_rng(count)
    rank, numbers = rng.integers(0, 5, count).astype(np.int8), rng.integers(0, 1 << 48, count)
    numbers[: count // 10] = numbers[count // 2 : count // 2 + count // 10] % (1 << 20)
    order, number = id_order(rank, 5, numbers)
    assert number.tolist() == numbers[order].tolist()
    assert list(zip(rank[order], number, strict=True)) == sorted(zip(rank, numbers, strict=True))
    assert sorted(order) == list(range(count))
