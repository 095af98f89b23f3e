"""Stability of one goaf, from its mesh and a file of parameters to a table, its JSON and the chart."""

import json
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from sxrisk.errors import FileFormatError, InputError
from sxrisk.scans import whole_file

if TYPE_CHECKING:
    from sxrisk.sites.goafs import GoafShape
    from sxrisk.sites.stability import GoafStability

__all__ = ["read_goaf", "read_parameters", "stability_file"]


def stability_file(
    source: Path,
    output: Path,
    *,
    parameters: Path | None = None,
    dem: Path | None = None,
    height_offset_m: float | None = None,
    crs: str | None = None,
    vertical_crs: str | None = None,
    draws: int = 100_000,
    seed: int = 0,
    chart: Literal["png", "svg"] = "png",
    language: Literal["zh", "en"] = "zh",
    title: str = "",
) -> "GoafStability":
    """Apply every method to a goaf, and write ``stability.csv``, ``stability.json`` and the chart into a folder.

    Parameters
    ----------
    source : Path
        A closed mesh, or the ``site.json`` or ``summary.json`` of a measured site, beside its mesh.
    output : Path
        Folder, made if it is not there.
    parameters : Path, optional
        TOML as of :meth:`sxrisk.sites.stability.StabilityParameters.read`; without it the result tells what is asked.
    dem : Path, optional
        Elevation model of the ground above: thickness of the crown pillar and depth are then measured.
    height_offset_m : float, optional
        Added to the elevation model where its height system is not the goaf's.
    crs, vertical_crs : str, optional
        Systems that the mesh does not state.
    draws, seed : int
        Of the Monte Carlo draws.
    chart : {"png", "svg"}
    language : {"zh", "en"}
        Of the chart.
    title : str
        Of the chart; default the site's name, else the file's.

    Returns
    -------
    GoafStability

    Raises
    ------
    InputError
        If a file cannot be used, or a parameter is unknown or impossible.
    OutputError
        If the results cannot be written.
    """
    from sxrisk.layers import read_dem
    from sxrisk.products.stability_chart import draw_stability_chart
    from sxrisk.sites.goafs import crown_pillar
    from sxrisk.sites.stability import goaf_stability

    given = {} if parameters is None else read_parameters(parameters)
    shape, name = read_goaf(source, crs=crs, vertical_crs=vertical_crs)
    crowns = [] if dem is None else [crown_pillar(shape, read_dem(dem), height_offset_m=height_offset_m)]
    found = goaf_stability(shape, given, crowns=crowns, draws=draws, seed=seed)
    output.mkdir(parents=True, exist_ok=True)
    with whole_file(output / "stability.csv") as partial:
        found.table.to_csv(partial, index=False, encoding="utf-8-sig", float_format="%.6g")
    with whole_file(output / "stability.json") as partial:
        document = {"source": source.name, "name": name, **found.summary()}
        text = json.dumps(document, ensure_ascii=False, indent=1, allow_nan=False)
        partial.write_text(text + "\n", encoding="utf-8")
    draw_stability_chart(
        output / f"stability.{chart}", found.faces, language=language, title=title or name or source.stem
    )
    return found


def read_parameters(path: Path) -> Mapping[str, Any]:
    """The parameters of a TOML file, checked as a whole.

    Parameters
    ----------
    path : Path

    Returns
    -------
    mapping
        As :meth:`sxrisk.sites.stability.StabilityParameters.read` takes it.

    Raises
    ------
    FileFormatError
        If it is no TOML.
    InputError
        With everything that is wrong with the parameters.
    """
    from sxrisk.sites.stability import stability_problems

    try:
        with path.open("rb") as file:
            table = tomllib.load(file)
    except OSError as error:
        raise InputError(f"the file cannot be read ({error.strerror})", where=path, remedy="Check the path") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise FileFormatError(f"not valid TOML: {error}", where=path, expected="TOML in UTF-8") from error
    problems = [f"\n  - {problem}" for problem in stability_problems(table)]
    if problems:
        raise InputError("the parameters cannot be used:" + "".join(problems), where=path)
    return table


def read_goaf(source: Path, *, crs: str | None = None, vertical_crs: str | None = None) -> tuple["GoafShape", str]:
    """The shape of a goaf from a file, and the name that the file gives it.

    Parameters
    ----------
    source : Path
        A closed mesh, or the ``site.json`` or ``summary.json`` of a measured site, beside its mesh.
    crs, vertical_crs : str, optional
        Systems that the file does not state.

    Returns
    -------
    GoafShape, str

    Raises
    ------
    InputError
        If it is no goaf.
    """
    from sxrisk.sites.goafs import goaf_shape
    from sxrisk.surfaces import read_mesh

    if source.suffix.lower() != ".json":
        return goaf_shape(read_mesh(source, crs=crs), vertical_crs=vertical_crs), ""
    summary, mesh = _measured(source, crs)
    told = summary.get("volume_m3") or {}
    interval = [told.get(key) for key in ("low", "best", "high")]
    shape = goaf_shape(
        mesh,
        volume=None if None in interval else (interval[0], interval[1], interval[2]),
        vertical_crs=vertical_crs or summary.get("vertical_crs"),
    )
    return shape, str(summary.get("name") or "")


def _measured(source: Path, crs: str | None) -> tuple[dict[str, Any], Any]:
    """Summary and mesh of a measured site."""
    from sxrisk.sites import SiteResult
    from sxrisk.surfaces import read_mesh

    kept = SiteResult.load(source.parent) if source.name == "site.json" else None
    try:
        summary = (
            json.loads(source.read_text(encoding="utf-8")) if kept is None else {"kind": kept.kind, **kept.summary}
        )
        kind = summary["kind"]
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise FileFormatError(
            f"no summary of a site ({error})", where=source, expected="site.json or summary.json of a measured site"
        ) from error
    if kind != "goaf":
        raise InputError(f"a site of kind {kind}", where=source, expected="a goaf")
    if kept is not None:
        return summary, kept.mesh
    return summary, read_mesh(source.with_name("mesh.ply"), crs=crs or summary.get("crs"))
