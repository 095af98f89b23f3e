"""`import sxrisk` is cheap and everything public is there."""

import subprocess
import sys

import sxrisk


def test_every_public_name_resolves() -> None:
    for name in sxrisk.__all__:
        assert getattr(sxrisk, name) is not None


def test_import_loads_no_heavy_library() -> None:
    heavy = {"open3d", "vtkmodules", "pandas", "numba", "matplotlib"}
    code = f"import sys, sxrisk; print(*sorted({heavy} & set(sys.modules)))"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60).stdout
    assert loaded.split() == []


def test_version_is_the_packages() -> None:
    from importlib.metadata import version

    assert sxrisk.__version__ == version("sxrisk")
