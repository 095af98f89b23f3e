"""Where work runs: in this process, in local processes, or on a Dask cluster.

The same module-level function runs in all three places and results come back in the order of the items, so that
where a thing was computed never changes what was computed.
"""

import multiprocessing
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, ProcessPoolExecutor
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import TypeVar

from sxrisk.errors import ParameterError

__all__ = ["open_executor", "ordered_map"]

Item = TypeVar("Item")
Result = TypeVar("Result")


def open_executor(workers: int = 1, *, dask: str | None = None) -> AbstractContextManager[Executor | None]:
    """Choose where work runs.

    Parameters
    ----------
    workers : int
        Number of local processes; 1 stays in this process.
    dask : str, optional
        Address of a Dask scheduler, e.g. ``"tcp://host:8786"``; it wins over `workers`.

    Returns
    -------
    context manager
        Gives a ``concurrent.futures.Executor``, or None for in-process.

    Raises
    ------
    ParameterError
        If `workers` is below 1, or Dask is asked for and not installed.
    """
    if dask is not None:
        return _dask_executor(dask)
    if workers < 1:
        raise ParameterError(f"workers is {workers}", expected="1 or more")
    if workers == 1:
        return nullcontext()
    # Spawn: forked children of a process with numba or Open3D threads can hang.
    return ProcessPoolExecutor(workers, mp_context=multiprocessing.get_context("spawn"))


@contextmanager
def _dask_executor(address: str) -> Iterator[Executor]:
    try:
        from distributed import Client
    except ImportError as error:
        raise ParameterError(
            f"--dask {address} needs the package 'distributed', which is not installed",
            remedy="Install it: pip install 'sxrisk[dask]'",
        ) from error
    with Client(address) as client:
        yield client.get_executor(pure=False)


def ordered_map(
    function: Callable[[Item], Result], items: Iterable[Item], *, executor: Executor | None = None
) -> Iterator[Result]:
    """Results of `function` over `items`, in the order of the items.

    Parameters
    ----------
    function : callable
        Module-level, so that another process can import it.
    items : iterable
        One argument each.
    executor : concurrent.futures.Executor, optional
        From :func:`open_executor`; None runs in this process, one item after the other.

    Yields
    ------
    Result
        As soon as it and all before it are there.

    Examples
    --------
    >>> list(ordered_map(abs, [-2, 1]))
    [2, 1]
    """
    if executor is None:
        return map(function, items)
    return executor.map(function, items)
