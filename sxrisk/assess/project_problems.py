"""What a project file names and is not there, or does not fit together: files, layers, datums and criteria."""

import difflib
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sxrisk.errors import InputError, Problem
from sxrisk.layers import DETECT, kind, with_synonyms

if TYPE_CHECKING:
    from sxrisk.assess.project import ProjectFile, RuleOptions, Site

__all__ = ["Location", "named_problems", "path_problems"]

Location = tuple[str | int, ...]
"""Keys and positions that lead to an entry of the file."""

_MAY_BE_ABSENT = "rectification.path"


def path_problems(table: Mapping[str, Any], roots: Sequence[Path]) -> dict[str, Problem]:
    """Files that are not there or lie outside the folders that may be read.

    Parameters
    ----------
    table : mapping
        The file's own tables with absolute paths; entries that are wrong otherwise count as well.
    roots : sequence of Path
        Folders that may be read.

    Returns
    -------
    dict of str to Problem
        By the key that names the file.
    """
    problems = {key: _path_problem(key, path, roots) for key, path in _paths(table)}
    return {key: problem for key, problem in problems.items() if problem is not None}


def named_problems(
    project: "ProjectFile", table: Mapping[str, Any], dropped: Collection[Location], unreachable: Collection[str]
) -> list[Problem]:
    """References that lead nowhere, datums without their parameters, criteria that cannot be used.

    Parameters
    ----------
    project : ProjectFile
        What could be read.
    table : mapping
        The file's own tables: a layer counts as there although its entry is wrong.
    dropped : collection of Location
        Entries that could not be read; nothing is concluded from their absence.
    unreachable : collection of str
        Keys of files that are not there or may not be read.

    Returns
    -------
    list of Problem
    """
    lost = {location[:length] for location in dropped for length in range(1, len(location) + 1)}
    return [
        *_datum_problems(project, table, lost),
        *_layer_problems(project, table, lost),
        *_site_problems(project, table, lost),
        *_rule_problems(project.rules, unreachable),
    ]


def _paths(node: Any, key: str = "") -> Iterator[tuple[str, Path]]:
    if isinstance(node, Path):
        yield key, node
    elif isinstance(node, dict):
        for name, value in node.items():
            yield from _paths(value, f"{key}.{name}".lstrip("."))
    elif isinstance(node, list):
        for i, value in enumerate(node):
            yield from _paths(value, f"{key}[{i}]")


def _path_problem(key: str, path: Path, roots: Sequence[Path]) -> Problem | None:
    real = path.resolve()
    if key == _MAY_BE_ABSENT and not path.exists():
        return None
    if not any(real.is_relative_to(root) for root in roots):
        remedy = f"Move it inside, or allow it: --allow {real.parent}"
        return Problem(f"{path} lies outside the project's folder", key, remedy=remedy)
    if not real.exists():
        return Problem(f"{path} does not exist", key, "a file", "Check the path; it is relative to the project file")
    return None if real.is_file() else Problem(f"{path} is not a file", key, "a file")


def _names(table: Mapping[str, Any], section: str) -> list[str]:
    entries = table.get(section)
    return sorted(entries) if isinstance(entries, dict) else []


def _datum_problems(project: "ProjectFile", table: Mapping[str, Any], lost: Collection[Location]) -> Iterator[Problem]:
    for name, entry in project.datums.items():
        if ("datums", name) in lost:
            continue
        try:
            entry.datum(name)
        except InputError as error:
            yield Problem(error.problem.what, f"datums.{name}", error.problem.expected, error.problem.remedy)
    try:
        with_synonyms(kind("boundary"), project.headers)
    except InputError as error:
        yield error.problem
    datums = _names(table, "datums")
    for key, layer in project.layers.items():
        if layer.datum is not None and layer.datum not in datums:
            known = ", ".join(datums) or "none"
            yield Problem(f"no datum is called {layer.datum!r}", f"layers.{key}.crs", "a section [datums.NAME]",
                          f"Datums here: {known}")  # fmt: skip


def _no_layer(key: str, name: str, ids: Sequence[str]) -> Problem:
    close = difflib.get_close_matches(name, ids, n=1)
    remedy = f"Did you mean {close[0]!r}?" if close else f"Layers here: {', '.join(ids)}"
    return Problem(f"no layer is called {name!r}", key, "the id of a layer of this file", remedy)


def _layer_problems(project: "ProjectFile", table: Mapping[str, Any], lost: Collection[Location]) -> Iterator[Problem]:
    ids = _names(table, "layers")
    boundary = project.region.boundary
    if not ids:
        # Told already as such.
        return
    if boundary is not None and boundary not in ids:
        yield _no_layer("region.boundary", boundary, ids)
    elif boundary in project.layers and project.layers[boundary].kind != "boundary":
        found = project.layers[boundary].kind
        yield Problem(f"layer {boundary!r} is of kind {found!r}", "region.boundary", "a layer of kind 'boundary'")
    for key, layer in project.layers.items():
        unread = ("layers", key, "crs") in lost or ("layers", key, "reference") in lost
        if (layer.crs == DETECT) != (layer.reference is not None) and not unread:
            yield Problem('crs = "detect" and reference belong together', f"layers.{key}", "both or neither")
        elif layer.reference is not None and layer.reference not in ids:
            yield _no_layer(f"layers.{key}.reference", layer.reference, ids)
        elif layer.reference in project.layers and project.layers[layer.reference].crs == DETECT:
            yield Problem(f"layer {layer.reference!r} is itself to be detected", f"layers.{key}.reference",
                          "a layer in a declared system")  # fmt: skip


def _site_problems(project: "ProjectFile", table: Mapping[str, Any], lost: Collection[Location]) -> Iterator[Problem]:
    ids = _names(table, "layers")
    for key, site in project.sites.items():
        unread = ("sites", key, "layer") in lost or ("sites", key, "feature") in lost
        if (site.layer is None) != (site.feature is None) and not unread:
            yield Problem("layer and feature belong together", f"sites.{key}", "both or neither")
        if site.layer is not None and ids and site.layer not in ids:
            yield _no_layer(f"sites.{key}.layer", site.layer, ids)
        if len(site.epochs) > 1 and site.change is None and ("sites", key, "change") not in lost:
            yield Problem(
                f"{len(site.epochs)} epochs but no parameters to compare them",
                f"sites.{key}.change",
                "normal_radius_m, cylinder_radius_m, max_depth_m",
                "Add the table; a normal radius of 10 to 20 times the surface roughness is usual",
            )
        yield from _stability_problems(key, site)


def _stability_problems(key: str, site: "Site") -> Iterator[Problem]:
    if not site.stability:
        return
    from sxrisk.sites.stability import stability_problems

    if site.kind != "goaf":
        yield Problem(f"a site of kind {site.kind} has no stability parameters", f"sites.{key}.stability",
                      "a goaf", "Take the table out")  # fmt: skip
        return
    for problem in stability_problems(site.stability):
        yield replace(problem, where=f"sites.{key}.stability.{problem.where}")


def _rule_problems(options: "RuleOptions", unreachable: Collection[str]) -> list[Problem]:
    """What is wrong with the user's criteria, values and overrides; each is tried by itself once all together fail."""
    from sxrisk.rules import check_catalogue_file

    keys = {f"rules.files[{number}]": path for number, path in enumerate(options.files)}
    files = {key: path for key, path in keys.items() if key not in unreachable}
    everything = _refusal([*files.values()], values=options.values, overrides=options.overrides)
    if everything is None:
        return []
    problems: list[Problem] = []
    usable: list[Path] = []
    unread = ""
    for key, path in files.items():
        found = check_catalogue_file(path)
        if not found and (clash := _refusal([*usable, path])) is not None:
            found = [clash]
        problems += [_in_file(problem, key) for problem in found]
        if found:
            unread += path.read_text(encoding="utf-8", errors="replace")
        else:
            usable.append(path)
    for section, entries in (("values", options.values), ("overrides", options.overrides)):
        for rule_id, given in entries.items():
            # A criterion of a file that cannot be read is not unknown.
            if f'"{rule_id}"' in unread:
                continue
            problems += _entry_problems(usable, section, rule_id, given)
    return problems or [everything]


def _entry_problems(files: Sequence[Path], section: str, rule_id: str, given: Mapping[str, Any]) -> list[Problem]:
    whole = _refusal(files, **{section: {rule_id: given}})
    if whole is None:
        return []
    parts = [_refusal(files, **{section: {rule_id: {name: value}}}) for name, value in given.items()]
    # The same words about each part, such as that there is no such rule, are said once.
    return list(dict.fromkeys(part for part in parts if part is not None)) or [whole]


def _refusal(files: Sequence[Path], **given: Mapping[str, Mapping[str, Any]]) -> Problem | None:
    from sxrisk.rules import load_catalogue

    try:
        load_catalogue(files, **given)
    except InputError as error:
        return error.problem
    return None


def _in_file(problem: Problem, key: str) -> Problem:
    where = key if problem.where is None else f"{key}, {problem.where}"
    return Problem(problem.what, where, problem.expected, problem.remedy)
