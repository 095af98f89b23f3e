"""Open3D, loaded on machines that lack libusb and without its chatter."""

import ctypes
import importlib
import sys
from functools import cache
from typing import Any

from sxrisk.errors import SxriskError

__all__ = ["load_open3d"]


@cache
def load_open3d() -> Any:
    """The ``open3d`` module, imported when first asked for.

    Open3D's library needs ``libusb-1.0.so.0`` for depth cameras that nobody has here. A fresh machine lacks it; the
    wheel ``libusb-package`` brings one, and the linker takes it by its SONAME once it is loaded.

    Returns
    -------
    module

    Raises
    ------
    SxriskError
        If Open3D cannot be loaded, with the loader's reason.
    """
    if sys.platform.startswith("linux"):
        _preload_libusb()
    try:
        open3d = importlib.import_module("open3d")
    except (ImportError, OSError) as error:
        raise SxriskError(
            f"Open3D cannot be loaded ({error}). Install sxrisk again in a fresh environment: pip install sxrisk"
        ) from error
    open3d.utility.set_verbosity_level(open3d.utility.VerbosityLevel.Error)
    return open3d


def _preload_libusb() -> None:
    try:
        path = importlib.import_module("libusb_package").get_library_path()
    except ImportError:
        return  # a system libusb may do as well; if not, the import of Open3D says what is missing
    if path is not None:
        ctypes.CDLL(str(path), mode=ctypes.RTLD_GLOBAL)
