"""Where work runs: in this process, in local processes, or on a Dask cluster.

The same module-level function runs in all three places and results come back in the order of the items, so that
where a thing was computed never changes what was computed. A task carries where its data stand (a folder, a number, a
few parameters), not the data: workers on other machines have to see the same folders.
"""

import multiprocessing
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, Future, ProcessPoolExecutor
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any, TypeVar

from sxrisk.errors import ParameterError

__all__ = ["open_executor", "ordered_map"]

Item = TypeVar("Item")
Result = TypeVar("Result")

_CONNECT_S = 30
_AHEAD = 2  # tasks a worker: one to work on, one that waits


def open_executor(workers: int = 1, *, dask: str | None = None) -> AbstractContextManager[Executor | None]:
    """Choose where work runs.

    Parameters
    ----------
    workers : int
        Number of local processes; 1 stays in this process.
    dask : str, optional
        Address of a Dask scheduler, e.g. ``"tcp://host:8786"``; it wins over `workers`. Its workers need sxrisk and
        see the same folders under the same paths.

    Returns
    -------
    context manager
        Gives a ``concurrent.futures.Executor``, or None for in-process.

    Raises
    ------
    ParameterError
        If `workers` is below 1, or Dask is asked for and not installed, or nobody answers at its address.
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
    try:
        client = Client(address, timeout=_CONNECT_S, set_as_default=False)
    except (OSError, ValueError) as error:
        raise ParameterError(
            f"no Dask scheduler answers at {address} ({error})",
            where="--dask",
            expected="an address such as tcp://host:8786",
            remedy="Start one: dask scheduler; and its workers: dask worker tcp://host:8786",
        ) from error
    try:
        yield _DaskExecutor(client)
    finally:
        client.close()


class _DaskExecutor(Executor):
    """A Dask cluster as an executor that knows how many tasks it can work on at once."""

    def __init__(self, client: Any) -> None:
        self._client = client
        self._executor = client.get_executor(pure=False)

    @property
    def slots(self) -> int:
        """Threads of all workers; at least 1, for workers may still be on their way."""
        return max(1, sum(self._client.nthreads().values()))

    def submit(self, function: Callable[..., Result], /, *args: Any, **kwargs: Any) -> "Future[Result]":
        """Hand one call to the cluster."""
        return self._executor.submit(function, *args, **kwargs)

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Take no more calls."""
        self._executor.shutdown(wait=wait)


def ordered_map(
    function: Callable[[Item], Result], items: Iterable[Item], *, executor: Executor | None = None
) -> Iterator[Result]:
    """Results of `function` over `items`, in the order of the items.

    Parameters
    ----------
    function : callable
        Module-level, so that another process can import it.
    items : iterable
        One argument each; taken as they are needed.
    executor : concurrent.futures.Executor, optional
        From :func:`open_executor`; None runs in this process, one item after the other.

    Yields
    ------
    Result
        As soon as it and all before it are there. Only as many items are handed out as keep all workers busy: results
        that nobody has asked for yet do not pile up in memory.

    Examples
    --------
    >>> list(ordered_map(abs, [-2, 1]))
    [2, 1]
    """
    if executor is None:
        yield from map(function, items)
        return
    slots = int(getattr(executor, "slots", 0) or getattr(executor, "_max_workers", 1))
    pending: deque[Future[Result]] = deque()
    try:
        for item in items:
            pending.append(executor.submit(function, item))
            if len(pending) >= _AHEAD * slots:
                yield pending.popleft().result()
        while pending:
            yield pending.popleft().result()
    finally:
        for future in pending:
            future.cancel()
