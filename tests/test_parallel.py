"""Where work runs does not change what comes out."""

import math

import pytest

from sxrisk.errors import ParameterError
from sxrisk.parallel import open_executor, ordered_map


@pytest.mark.parametrize("workers", [1, 2])
def test_results_come_in_the_order_of_the_items(workers: int) -> None:
    with open_executor(workers) as executor:
        assert list(ordered_map(math.sqrt, [9.0, 4.0, 1.0], executor=executor)) == [3.0, 2.0, 1.0]


def test_no_workers_is_an_error() -> None:
    with pytest.raises(ParameterError, match="workers is 0; expected 1 or more"):
        open_executor(0)
