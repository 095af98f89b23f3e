"""The project file: one TOML that describes an assessment, validated as a whole before any work starts."""

import difflib
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime
from pathlib import Path, PurePosixPath
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, PositiveFloat, ValidationError, model_validator

from sxrisk.crs import parse_crs
from sxrisk.errors import CRSError, Problem, ProjectError
from sxrisk.findings import Colour
from sxrisk.layers import KINDS, kinds_called

__all__ = ["ProjectFile", "load_project"]

CHINA_TIME = ZoneInfo("Asia/Shanghai")


def _known_crs(text: str) -> str:
    try:
        parse_crs(text)
    except CRSError as error:
        # pydantic collects ValueError texts; the remedy of the CRS room is part of it.
        raise ValueError(str(error)) from error
    return text


def _known_kind(text: str) -> str:
    if text not in KINDS:
        close = kinds_called(text) or difflib.get_close_matches(text, KINDS, n=1)
        hint = f"; did you mean {' or '.join(map(repr, close))}?" if close else "."
        raise ValueError(f"unknown kind{hint} Known kinds: {', '.join(sorted(KINDS))}")
    return text


def _aware(moment: datetime) -> datetime:
    return moment if moment.tzinfo else moment.replace(tzinfo=CHINA_TIME)


CRSText = Annotated[str, AfterValidator(_known_crs)]
Kind = Annotated[str, AfterValidator(_known_kind)]
Moment = Annotated[datetime, AfterValidator(_aware)]
Identifier = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$")]


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class ProjectInfo(_Section):
    """What the assessment is called and for which day it speaks."""

    name: str
    name_zh: str = ""
    as_of: date
    language: Literal["zh", "en"] = "zh"
    synthetic: bool = False
    sources: list[str] = Field(default=[], description="origin and licence lines, shown in the products")

    def title(self, language: str) -> str:
        """Name in the language asked for."""
        return self.name_zh if language == "zh" and self.name_zh else self.name


class LayerSource(_Section):
    """One layer: where it lies and how to read it."""

    kind: Kind
    path: Path
    crs: CRSText | None = None
    position_sigma_m: Annotated[float, Field(ge=0)] | None = None
    title: str = ""
    title_zh: str = ""
    columns: dict[str, str] = {}
    where: dict[str, str | list[str]] = {}
    values: dict[str, str | float | bool] = {}
    layer: str | None = None
    encoding: str | None = None
    x: str | None = None
    y: str | None = None


class DemSource(_Section):
    """The elevation model of the region."""

    path: Path
    crs: CRSText | None = None
    vertical_crs: str | None = None


class HeatmapOptions(_Section):
    """Kernel density of findings: bandwidth (1 sigma) and cell size in metres, weight of a finding by its colour.

    The weights are a way of drawing, not a criterion: they say how many yellow findings look as dense as one red.
    """

    bandwidth_m: PositiveFloat = 2000.0
    cell_m: PositiveFloat = 200.0
    weights: dict[Colour, Annotated[float, Field(ge=0)]] = {
        Colour.RED: 4.0,
        Colour.ORANGE: 2.0,
        Colour.YELLOW: 1.0,
        Colour.BLUE: 0.5,
    }

    @model_validator(mode="after")
    def _cells_resolve_the_kernel(self) -> "HeatmapOptions":
        if self.cell_m > self.bandwidth_m / 2:
            raise ValueError(f"cell_m = {self.cell_m:g} is larger than half of bandwidth_m = {self.bandwidth_m:g}")
        if missing := [colour.value for colour in Colour if colour not in self.weights]:
            raise ValueError(f"weights lacks {', '.join(missing)}")
        return self


class GridOptions(_Section):
    """Cell size of the four-colour grid in metres."""

    cell_m: PositiveFloat = 1000.0


class Region(_Section):
    """The region: its boundary layer and how its maps are made."""

    boundary: str | None = None
    heatmap: HeatmapOptions = HeatmapOptions()
    grid: GridOptions = GridOptions()


class ScanSource(_Section):
    """One scan file and the position of its scanner, in the site's CRS."""

    path: Path
    station: tuple[float, float, float] | None = None


class Epoch(_Section):
    """All scans of a site taken at one time."""

    date: Moment
    scans: Annotated[list[ScanSource], Field(min_length=1)]


class ChangeOptions(_Section):
    """M3C2 parameters in metres; radii, not diameters; depth is the half-length of the cylinder."""

    normal_radius_m: PositiveFloat
    cylinder_radius_m: PositiveFloat
    max_depth_m: PositiveFloat
    core_spacing_m: PositiveFloat = 0.5


class Site(_Section):
    """A scanned site with its epochs, oldest first."""

    kind: Literal["open_pit", "waste_dump", "tailings_pond", "goaf"]
    name: str = ""
    name_zh: str = ""
    layer: str | None = None
    feature: str | None = None
    crs: CRSText | None = None
    vertical_crs: str | None = None
    range_sigma_m: PositiveFloat | None = None
    epochs: Annotated[list[Epoch], Field(min_length=1)]
    change: ChangeOptions | None = None
    parameters: dict[str, float] = {}

    def titles(self, key: str) -> dict[str, str]:
        """Name in ``zh`` and ``en``; each stands in for the other, and `key` for both."""
        return {"zh": self.name_zh or self.name or key, "en": self.name or self.name_zh or key}

    @model_validator(mode="after")
    def _epochs_in_order(self) -> "Site":
        dates = [epoch.date for epoch in self.epochs]
        if dates != sorted(set(dates)):
            raise ValueError("epochs must have different dates, oldest first")
        if (self.layer is None) != (self.feature is None):
            raise ValueError("layer and feature belong together: give both or neither")
        return self


class RuleOptions(_Section):
    """More criteria, values that the law leaves to the user, and local overrides (``enabled = false`` switches off)."""

    files: list[Path] = []
    values: dict[str, dict[str, float]] = {}
    overrides: dict[str, dict[str, bool | float | str]] = {}


class ProjectFile(_Section):
    """A whole project file.

    Attributes
    ----------
    path : Path
        Where it was read from; all paths in it are absolute.
    """

    project: ProjectInfo
    layers: Annotated[dict[Identifier, LayerSource], Field(min_length=1)]
    region: Region = Region()
    dem: DemSource | None = None
    sites: dict[Identifier, Site] = {}
    rules: RuleOptions = RuleOptions()
    path: Path = Field(exclude=True)

    def input_paths(self) -> Iterator[tuple[str, Path]]:
        """Key and path of every file that the project names."""
        for key, layer in self.layers.items():
            yield f"layers.{key}.path", layer.path
        if self.dem is not None:
            yield "dem.path", self.dem.path
        for key, site in self.sites.items():
            for e, epoch in enumerate(site.epochs):
                for s, scan in enumerate(epoch.scans):
                    yield f"sites.{key}.epochs[{e}].scans[{s}].path", scan.path
        for i, path in enumerate(self.rules.files):
            yield f"rules.files[{i}]", path


def load_project(path: str | Path, *, allow: Sequence[str | Path] = ()) -> ProjectFile:
    """Read a project file and check all of it.

    Parameters
    ----------
    path : str or Path
        The TOML file.
    allow : sequence of str or Path
        Folders outside the project's own from which it may read.

    Returns
    -------
    ProjectFile
        With absolute paths.

    Raises
    ------
    ProjectError
        With every problem at once: unknown keys, wrong values, missing files, files outside the allowed folders,
        references to layers that do not exist.

    Examples
    --------
    >>> load_project("absent.toml")
    Traceback (most recent call last):
    sxrisk.errors.ProjectError: absent.toml: 1 problem in the project file:
      - the file does not exist. Check the path.
    """
    source = Path(path)
    table = _read_toml(source)
    folder = source.resolve().parent
    try:
        project = ProjectFile.model_validate({**_absolute(table, folder), "path": source.resolve()})
    except ValidationError as error:
        raise ProjectError(source, [_problem(detail) for detail in error.errors()]) from error
    roots = [folder, *(Path(root).resolve() for root in allow)]
    problems = [*_path_problems(project, roots), *_reference_problems(project)]
    if problems:
        raise ProjectError(source, problems)
    return project


def _read_toml(source: Path) -> dict[str, Any]:
    try:
        with source.open("rb") as file:
            return tomllib.load(file)
    except FileNotFoundError as error:
        raise ProjectError(source, [Problem("the file does not exist", remedy="Check the path")]) from error
    except IsADirectoryError as error:
        raise ProjectError(
            source, [Problem("this is a folder", expected="a TOML file", remedy="Name the project file in it")]
        ) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ProjectError(
            source,
            [Problem(f"not valid TOML: {error}", expected="TOML in UTF-8", remedy="Mend the place that is named")],
        ) from error


_PATH_KEYS = {"path", "files"}


def _absolute(node: Any, folder: Path, key: str = "") -> Any:
    """The table with every path made absolute, so that the working directory never matters."""
    if isinstance(node, dict):
        return {name: _absolute(value, folder, name) for name, value in node.items()}
    if isinstance(node, list):
        return [_absolute(item, folder, key) for item in node]
    if key in _PATH_KEYS and isinstance(node, str):
        return (folder / PurePosixPath(node.replace("\\", "/"))).resolve()
    return node


def _problem(detail: Mapping[str, Any]) -> Problem:
    """A pydantic error in the user's words: key, what was found, what was expected, what to do."""
    where = _dotted(detail["loc"])
    kind, given = detail["type"], detail["input"]
    context = detail.get("ctx", {})
    if kind == "extra_forbidden":
        known = _known_keys(detail["loc"])
        close = difflib.get_close_matches(str(detail["loc"][-1]), known, n=1, cutoff=0.75)
        remedy = f"Did you mean {close[0]!r}?" if close else f"Known here: {', '.join(known)}"
        return Problem("unknown key", where, remedy=remedy)
    if kind == "missing":
        return Problem("missing", where, "a value", "Add the key")
    if kind == "value_error":
        text = str(context["error"])
        # Some texts quote the value themselves.
        return Problem(text if str(given) in text else f"{_shown(given)}: {text}", where)
    if kind == "string_pattern_mismatch":
        return Problem(f"{_shown(given)} is not a usable id", where, "letters, digits, '-', '_' or '.', 64 at most")
    return Problem(f"found {_shown(given)}", where, _expected(kind, detail["msg"]))


def _expected(kind: str, message: str) -> str:
    text = message.removeprefix("Input should be ").removeprefix("a valid ").split(", unable to parse")[0]
    return {"too_short": "at least one entry", "date_from_datetime_parsing": "a date such as 2026-06-30"}.get(
        kind, text
    )


def _shown(value: Any) -> str:
    text = repr(str(value) if isinstance(value, Path) else value)
    return text if len(text) <= 80 else text[:77] + "..."


def _dotted(location: Sequence[str | int]) -> str:
    text = ""
    for part in location:
        if part == "[key]":
            continue
        text += f"[{part}]" if isinstance(part, int) else f".{part}"
    return text.lstrip(".") or "the file"


def _known_keys(location: Sequence[str | int]) -> list[str]:
    """Keys that are allowed beside an unknown one."""
    sections: dict[str, type[_Section]] = {
        "project": ProjectInfo,
        "layers": LayerSource,
        "dem": DemSource,
        "heatmap": HeatmapOptions,
        "grid": GridOptions,
        "region": Region,
        "scans": ScanSource,
        "epochs": Epoch,
        "change": ChangeOptions,
        "sites": Site,
        "rules": RuleOptions,
    }
    for part in reversed(location[:-1]):
        if part in sections:
            return sorted(sections[str(part)].model_fields)
    return sorted(name for name in ProjectFile.model_fields if name != "path")


def _path_problems(project: ProjectFile, roots: Sequence[Path]) -> Iterator[Problem]:
    for key, path in project.input_paths():
        real = path.resolve()
        if not any(real.is_relative_to(root) for root in roots):
            yield Problem(
                f"{path} lies outside the project's folder",
                key,
                remedy=f"Move it inside, or allow it: --allow {real.parent}",
            )
        elif not real.exists():
            yield Problem(f"{path} does not exist", key, "a file", "Check the path; it is relative to the project file")
        elif not real.is_file():
            yield Problem(f"{path} is not a file", key, "a file")


def _reference_problems(project: ProjectFile) -> Iterator[Problem]:
    ids = sorted(project.layers)

    def missing(key: str, name: str) -> Problem:
        close = difflib.get_close_matches(name, ids, n=1)
        remedy = f"Did you mean {close[0]!r}?" if close else f"Layers here: {', '.join(ids)}"
        return Problem(f"no layer is called {name!r}", key, "the id of a layer of this file", remedy)

    boundary = project.region.boundary
    if boundary is not None and boundary not in project.layers:
        yield missing("region.boundary", boundary)
    elif boundary is not None and project.layers[boundary].kind != "boundary":
        kind = project.layers[boundary].kind
        yield Problem(f"layer {boundary!r} is of kind {kind!r}", "region.boundary", "a layer of kind 'boundary'")
    for key, site in project.sites.items():
        if site.layer is not None and site.layer not in project.layers:
            yield missing(f"sites.{key}.layer", site.layer)
        if len(site.epochs) > 1 and site.change is None:
            yield Problem(
                f"{len(site.epochs)} epochs but no parameters to compare them",
                f"sites.{key}.change",
                "normal_radius_m, cylinder_radius_m, max_depth_m",
                "Add the table; a normal radius of 10 to 20 times the surface roughness is usual",
            )
