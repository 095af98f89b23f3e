"""The command ``sxrisk``: commands, progress bars and exit codes."""

import sys
import traceback
from collections.abc import Sequence

from sxrisk.cli.chatter import own_words_only
from sxrisk.cli.text import say
from sxrisk.cli.text.wrapping import chinese_lines
from sxrisk.errors import SxriskError

__all__ = ["main"]

INTERRUPTED = 130
OUR_FAULT = 1


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line.

    Parameters
    ----------
    arguments : sequence of str, optional
        As typed after ``sxrisk``; default: those of this process.

    Returns
    -------
    int
        0 done, 2 the user's input, 1 our fault, 130 interrupted.
    """
    typed = list(sys.argv[1:] if arguments is None else arguments)
    from sxrisk.cli.app import app

    try:
        with own_words_only(), chinese_lines():
            app(typed)
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 0
        if code == INTERRUPTED:
            _complain(say("interrupted" if {"run", "demo"} & set(typed) else "aborted"))
        return code
    except SxriskError as error:
        _complain(f"{say('error')}: {error}")
        return error.exit_code
    except Exception as error:  # noqa: BLE001  whatever else comes is our fault and must say so
        if "--debug" in typed:
            traceback.print_exc()
        _complain(say("internal", error=f"{type(error).__name__}: {error}"))
        return OUR_FAULT
    return 0


def _complain(text: str) -> None:
    sys.stderr.write(f"{text}\n")
