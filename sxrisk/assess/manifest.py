"""run.json: enough to say what went in, what came out, and to repeat it."""

import json
import platform
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

from sxrisk import __version__
from sxrisk.assess.project import ProjectFile
from sxrisk.assess.state import file_sha256, input_files

__all__ = ["describe_inputs", "fingerprint", "versions", "write_manifest"]

_LIBRARIES = (
    "geopandas",
    "laspy",
    "manifold3d",
    "numba",
    "numpy",
    "pandas",
    "pyogrio",
    "pyproj",
    "pyvista",
    "rasterio",
    "scipy",
    "shapely",
    "xarray",
)


def describe_inputs(project: ProjectFile) -> list[dict[str, Any]]:
    """Every file that the project reads, with size and SHA-256, and every table of a database, which has neither."""
    folder = project.path.parent
    rows = []
    for key, path in [("project", project.path), *project.input_paths()]:
        for part in input_files(path):
            name = part.relative_to(folder) if part.is_relative_to(folder) else part.name
            rows.append(
                {"key": key, "file": Path(name).as_posix(), "bytes": part.stat().st_size, "sha256": file_sha256(part)}
            )
    tables = [(key, layer) for key, layer in project.layers.items() if not isinstance(layer.path, Path)]
    return rows + [{"key": f"layers.{key}.path", "table": layer.shown} for key, layer in tables]


def versions() -> dict[str, str]:
    """Versions of sxrisk, Python and the libraries that results depend on."""
    return {"sxrisk": __version__, "python": platform.python_version(), **{name: version(name) for name in _LIBRARIES}}


def fingerprint(inputs: list[dict[str, Any]], parameters: Mapping[str, Any]) -> str:
    """One line that two runs share if and only if they must give the same result."""
    return json.dumps([inputs, parameters, versions()], sort_keys=True)


def write_manifest(path: Path, content: Mapping[str, Any]) -> None:
    """Write run.json; it appears whole or not at all."""
    part = path.with_suffix(".json.part")
    part.write_text(json.dumps(content, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")
    part.replace(path)
