"""Which part of the project file an error belongs to."""

from collections.abc import Iterator
from contextlib import contextmanager

from sxrisk.errors import InputError

__all__ = ["in_place"]


@contextmanager
def in_place(place: str) -> Iterator[None]:
    """Let an error of the input that is raised in the block begin with `place`.

    Parameters
    ----------
    place : str
        Key in the project file, for example ``layers.mines``.

    Raises
    ------
    InputError
        Of the type that was raised.

    Examples
    --------
    >>> with in_place("layers.mines"):
    ...     raise InputError("the layer is empty", where="mines.csv")
    Traceback (most recent call last):
    sxrisk.errors.InputError: layers.mines: mines.csv: the layer is empty.
    """
    try:
        yield
    except InputError as error:
        problem = error.problem
        where = place if problem.where is None else f"{place}: {problem.where}"
        raise type(error)(problem.what, where=where, expected=problem.expected, remedy=problem.remedy) from error
