"""Clouds and meshes as one page that opens offline."""

from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from sxrisk.assess.scan_jobs.opening import AS_STATED, Reading, is_mesh
from sxrisk.products.scan_view import view_html
from sxrisk.surfaces import read_mesh

__all__ = ["view_file"]


def view_file(
    inputs: Sequence[Path],
    output: Path,
    *,
    reading: Reading = AS_STATED,
    language: str = "zh",
    title: str | None = None,
    max_points: int | None = None,
) -> dict[str, Any]:
    """Write clouds and meshes as one HTML file: :func:`sxrisk.products.scan_view.view_html` from files.

    Parameters
    ----------
    inputs : sequence of Path
        Point files, stores and meshes in one coordinate system.
    output : Path
        The ``.html`` file.
    reading : Reading
        How clouds are opened.
    language, title, max_points
        As there.

    Returns
    -------
    dict
        ``items`` and ``megabytes``.
    """
    limits = {} if max_points is None else {"max_points": max_points}
    with ExitStack() as stack:
        items: dict[str, Any] = {}
        for path in inputs:
            name = path.name if path.name not in items else f"{path.parent.name}/{path.name}"
            mesh = path.is_file() and is_mesh(path)
            items[name] = read_mesh(path, crs=reading.crs) if mesh else stack.enter_context(reading.open(path, output))
        view_html(items, output, language=language, title=title, **limits)
    return {"items": len(items), "megabytes": round(output.stat().st_size / 1e6, 2)}
