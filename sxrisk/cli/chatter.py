"""What libraries say to their programmers is kept from the people who use the command."""

import logging
import os
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

from sxrisk.cli.text import say
from sxrisk.errors import SxriskWarning

__all__ = ["own_words_only"]


@contextmanager
def own_words_only() -> Iterator[None]:
    """Show warnings of sxrisk as one line each; keep those of libraries, and their logs, off the terminal.

    ``python -W`` and ``PYTHONWARNINGS`` win over it.
    """
    with warnings.catch_warnings():
        if not sys.warnoptions:
            warnings.simplefilter("ignore")
            warnings.simplefilter("default", SxriskWarning)
            warnings.showwarning = _show
            # For the processes that measure sites.
            os.environ.setdefault("PYTHONWARNINGS", "ignore")
        # Without any handler Python prints what GDAL and others log as errors, though they are raised as well.
        silent = logging.NullHandler()
        logging.getLogger().addHandler(silent)
        # Numba else tries an old TBB of the system first, and warns of it.
        os.environ.setdefault("NUMBA_THREADING_LAYER_PRIORITY", "omp workqueue tbb")
        try:
            yield
        finally:
            logging.getLogger().removeHandler(silent)


def _show(message: Warning | str, *_: object, **__: object) -> None:
    sys.stderr.write(f"{say('warning')}: {message}\n")
