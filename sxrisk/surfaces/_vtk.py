"""PyVista without a display and without VTK's messages about it."""

import importlib
from functools import cache
from typing import Any

__all__ = ["load_pyvista"]


@cache
def load_pyvista() -> Any:
    """The ``pyvista`` module, set up to render off screen.

    VTK tries the display first, falls back to software rendering by itself and writes a warning to stderr on the way.
    Only VTK's own logger is turned down to errors; Python warnings and exceptions stay as they are.

    Returns
    -------
    module
    """
    vtk_logging = importlib.import_module("vtkmodules.vtkCommonCore").vtkLogger
    vtk_logging.SetStderrVerbosity(vtk_logging.VERBOSITY_ERROR)
    pyvista: Any = importlib.import_module("pyvista")
    pyvista.OFF_SCREEN = True
    return pyvista
