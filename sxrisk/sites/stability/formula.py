"""Makes a published formula a function of checked arrays, described by the one table of parameters."""

import functools
import inspect
import textwrap
from collections.abc import Callable
from typing import Any, Literal, ParamSpec, get_args, get_origin

import numpy as np
from numpy.typing import NDArray

from sxrisk.errors import ParameterError
from sxrisk.sites.stability.methods import PARAMETERS
from sxrisk.sites.stability.ranges import possible

__all__ = ["formula"]

Array = NDArray[np.float64]
P = ParamSpec("P")

_SECTIONS = ("Notes\n-----", "References\n----------", "Examples\n--------")


def formula(returns: str) -> Callable[[Callable[P, Any]], Callable[P, Array]]:
    """Hold every argument of a formula to the table of parameters, and tell what they are in its docstring.

    Arguments bear the names of the table; one with a ``Literal`` annotation is held to its words. The sections
    Parameters, Returns and Raises are written from the table, before the first section that the docstring has itself.

    Parameters
    ----------
    returns : str
        Unit and meaning of the result, a sentence.

    Returns
    -------
    callable
        A decorator.

    Examples
    --------
    >>> @formula("Metres.")
    ... def half(span_m):
    ...     '''Half a span.'''
    ...     return span_m / 2
    >>> half([8.0, 6.0])
    array([4., 3.])
    >>> half(-1.0)
    Traceback (most recent call last):
    sxrisk.errors.ParameterError: span_m: the value is -1; expected above 0 m.
    >>> "Span B of the roof; above 0 m." in half.__doc__
    True
    """

    def decorate(function: Callable[P, Any]) -> Callable[P, Array]:
        signature = inspect.signature(function)
        words = {
            name: get_args(argument.annotation)
            for name, argument in signature.parameters.items()
            if get_origin(argument.annotation) is Literal
        }

        @functools.wraps(function)
        def checked(*args: P.args, **kwargs: P.kwargs) -> Array:
            bound = signature.bind(*args, **kwargs)
            for name, given in bound.arguments.items():
                if name not in words:
                    bound.arguments[name] = possible(name, given)
                elif given not in words[name]:
                    raise ParameterError(f"the {name} is {given!r}", where=name, expected=" or ".join(words[name]))
            return np.asarray(function(*bound.args, **bound.kwargs))

        checked.__doc__ = _described(function, signature, words, returns)
        return checked

    return decorate


def _described(
    function: Callable[..., Any], signature: inspect.Signature, words: dict[str, tuple[str, ...]], returns: str
) -> str:
    lines = ["Parameters", "----------"]
    for name in signature.parameters:
        if name in words:
            lines.append(f"{name} : {{{', '.join(repr(word) for word in words[name])}}}")
        else:
            parameter = PARAMETERS[name]
            lines += [f"{name} : array_like", f"    {parameter.en}; {parameter.expected}."]
    lines += ["", "Returns", "-------", "(...) float64 array", f"    {returns}", ""]
    lines += ["Raises", "------", "ParameterError", "    If a value is impossible.", ""]
    own = inspect.cleandoc(function.__doc__ or "")
    at = min((own.find(title) for title in _SECTIONS if title in own), default=len(own))
    text = f"{own[:at].rstrip()}\n\n" + "\n".join(lines) + f"\n{own[at:]}"
    return textwrap.indent(text, "    ").strip()
