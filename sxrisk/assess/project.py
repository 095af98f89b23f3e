"""The project file: one TOML that describes an assessment, validated as a whole before any work starts."""

import tomllib
from collections.abc import Iterator, Mapping, Sequence
from copy import deepcopy
from datetime import UTC, date, datetime, timedelta
from pathlib import Path, PurePosixPath
from typing import Annotated, Any, Literal

from pydantic import Field, PositiveFloat, ValidationError, field_validator, model_validator

from sxrisk.assess.project_problems import Location, named_problems, path_problems
from sxrisk.assess.project_words import location_of, merged, order_in, problem_of
from sxrisk.assess.sections import CRSText, DatumSource, Identifier, LayerSource, Moment, Section, SubsidenceOptions
from sxrisk.errors import Problem, ProjectError
from sxrisk.findings import Colour
from sxrisk.layers.databases.postgis import is_database_url

__all__ = ["ProjectFile", "load_project"]


class ProjectInfo(Section):
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


class DemSource(Section):
    """The elevation model of the region."""

    path: Path
    crs: CRSText | None = None
    vertical_crs: str | None = None


class HeatmapOptions(Section):
    """Kernel density of findings: bandwidth (1 sigma) and cell size in metres, weight of a finding by its colour.

    The weights are a way of drawing, not a criterion: they say how many yellow findings look as dense as one red.
    """

    bandwidth_m: PositiveFloat = 2000.0
    cell_m: PositiveFloat = 200.0
    weights: dict[Colour, Annotated[float, Field(ge=0)]] = Field(
        default={Colour.RED: 4.0, Colour.ORANGE: 2.0, Colour.YELLOW: 1.0, Colour.BLUE: 0.5}
    )

    @model_validator(mode="after")
    def _cells_resolve_the_kernel(self) -> "HeatmapOptions":
        if self.cell_m > self.bandwidth_m / 2:
            raise ValueError(f"cell_m = {self.cell_m:g} is larger than half of bandwidth_m = {self.bandwidth_m:g}")
        if missing := [colour.value for colour in Colour if colour not in self.weights]:
            raise ValueError(f"weights lacks {', '.join(missing)}")
        return self


class GridOptions(Section):
    """Cell size of the four-colour grid in metres."""

    cell_m: PositiveFloat = 1000.0


class Region(Section):
    """The region: its boundary layer and how its maps are made."""

    boundary: str | None = None
    heatmap: HeatmapOptions = HeatmapOptions()
    grid: GridOptions = GridOptions()


class ScanSource(Section):
    """One scan file and the position of its scanner, in the site's CRS."""

    path: Path
    station: tuple[float, float, float] | None = None


class Epoch(Section):
    """All scans of a site taken at one time."""

    date: Moment
    scans: Annotated[list[ScanSource], Field(min_length=1)]


class ChangeOptions(Section):
    """M3C2 parameters in metres; radii, not diameters; depth is the half-length of the cylinder."""

    normal_radius_m: PositiveFloat
    cylinder_radius_m: PositiveFloat
    max_depth_m: PositiveFloat
    core_spacing_m: PositiveFloat = 0.5


class Site(Section):
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
    parameters: dict[str, float] = Field(default={})
    stability: dict[str, Any] = Field(default={}, description="of a goaf's rock: numbers, ranges, distributions")

    def titles(self, key: str) -> dict[str, str]:
        """Name in ``zh`` and ``en``; each stands in for the other, and `key` for both."""
        return {"zh": self.name_zh or self.name or key, "en": self.name or self.name_zh or key}

    @field_validator("epochs", mode="after")
    @classmethod
    def _epochs_in_order(cls, epochs: list[Epoch]) -> list[Epoch]:
        dates = [epoch.date for epoch in epochs]
        if dates != sorted(set(dates)):
            raise ValueError("epochs must have different dates, oldest first")
        return epochs


class RuleOptions(Section):
    """More criteria, values that the law leaves to the user, and local overrides (``enabled = false`` switches off)."""

    files: list[Path] = Field(default=[])
    values: dict[str, dict[str, float]] = Field(default={})
    overrides: dict[str, dict[str, bool | float | str]] = Field(default={})


class Rectification(Section):
    """The rectification register whose confirmations count; it may not be there yet."""

    path: Path


class ProjectFile(Section):
    """A whole project file.

    Attributes
    ----------
    path : Path
        Where it was read from; all paths in it are absolute.
    """

    project: ProjectInfo
    layers: Annotated[dict[Identifier, LayerSource], Field(min_length=1)]
    datums: dict[Identifier, DatumSource] = Field(default={})
    headers: dict[str, list[str]] = Field(default={})
    region: Region = Region()
    dem: DemSource | None = None
    sites: dict[Identifier, Site] = Field(default={})
    rules: RuleOptions = RuleOptions()
    subsidence: SubsidenceOptions = SubsidenceOptions()
    rectification: Rectification | None = None
    path: Path = Field(exclude=True)

    def input_paths(self) -> Iterator[tuple[str, Path]]:
        """Key and path of every file that the project names; tables of a database are no files."""
        for key, layer in self.layers.items():
            if isinstance(layer.path, Path):
                yield f"layers.{key}.path", layer.path
        if self.dem is not None:
            yield "dem.path", self.dem.path
        for key, site in self.sites.items():
            for e, epoch in enumerate(site.epochs):
                for s, scan in enumerate(epoch.scans):
                    yield f"sites.{key}.epochs[{e}].scans[{s}].path", scan.path
        for i, path in enumerate(self.rules.files):
            yield f"rules.files[{i}]", path
        if self.rectification is not None and self.rectification.path.exists():
            yield "rectification.path", self.rectification.path


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
        With every problem at once, in the order of the file: unknown keys, wrong values, missing files, files outside
        the allowed folders, references to layers and datums that do not exist, criteria that cannot be used.

    Examples
    --------
    >>> load_project("absent.toml")
    Traceback (most recent call last):
    sxrisk.errors.ProjectError: absent.toml: 1 problem in the project file:
      - the file does not exist. Check the path.
    """
    source = Path(path)
    folder = source.resolve().parent
    table = _absolute(_read_toml(source), folder)
    project, problems, dropped = _read_what_can_be_read(table, source.resolve())
    roots = [folder, *(Path(root).resolve() for root in allow)]
    unreachable = path_problems(table, roots)
    problems += unreachable.values()
    if project is not None:
        problems += named_problems(project, table, dropped, unreachable)
    if problems or project is None:
        raise ProjectError(source, sorted(problems, key=order_in(table)))
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
    if key in _PATH_KEYS and isinstance(node, str) and not is_database_url(node):
        return (folder / PurePosixPath(node.replace("\\", "/"))).resolve()
    return node


# Stands for what cannot be read, so that the rest can be checked: nothing that is looked up further on.
_STAND_INS: Mapping[Location, Any] = {
    ("project",): {"name": "-", "as_of": date.min},
    ("project", "name"): "-",
    ("project", "as_of"): date.min,
    ("layers",): {"stand-in": {"kind": "boundary", "path": Path()}},
    ("layers", "*", "kind"): "boundary",
    ("layers", "*", "path"): Path(),
    ("datums", "*", "method"): "shift3",
    ("sites", "*", "kind"): "open_pit",
}
_EPOCHS = ("sites", "*", "epochs")
# A required key that is dropped leaves its parent incomplete: one round each way up from the deepest key.
_MOST_ROUNDS = 8


def _read_what_can_be_read(
    table: Mapping[str, Any], source: Path
) -> tuple[ProjectFile | None, list[Problem], set[Location]]:
    """The project without the entries that are wrong, what is wrong with them, and where they are."""
    rest: dict[str, Any] = deepcopy(dict(table))
    problems: list[Problem] = []
    dropped: set[Location] = set()
    for _ in range(_MOST_ROUNDS):
        try:
            return ProjectFile.model_validate({**rest, "path": source}), merged(problems), dropped
        except ValidationError as error:
            details = error.errors()
        places = {location_of(detail): detail["type"] == "missing" for detail in details}
        # What is found in a table of which something was dropped may be the drop's own doing.
        problems += [
            problem_of(detail, table, _known_keys)
            for detail in details
            if not any(old[: len(location_of(detail))] == location_of(detail) for old in dropped)
        ]
        for place, is_missing in places.items():
            dropped.add(_drop(rest, place, is_missing=is_missing))
    return None, merged(problems), dropped


def _drop(table: dict[str, Any], location: Location, *, is_missing: bool) -> Location:
    """Take out what stands there, a list as a whole, or put a stand-in in its place; where that was."""
    parent, node, place = table, table, 0
    for part in location:
        if not isinstance(part, str) or not isinstance(node, dict) or part not in node:
            break
        parent, node, place = node, node[part], place + 1
    if is_missing and place == len(location) - 1 and isinstance(node, dict):
        stand_in = _stand_in(location, None)
        if stand_in is not None:
            node[str(location[-1])] = stand_in
            return location
    if place:
        stand_in = _stand_in(location[:place], node)
        if stand_in is None:
            parent.pop(str(location[place - 1]), None)
        else:
            parent[str(location[place - 1])] = stand_in
    return location[:place] if place else location


def _stand_in(location: Location, old: Any) -> Any:
    pattern = location if len(location) < 3 else (location[0], "*", *location[2:])
    if pattern == _EPOCHS:
        # As many as there were, because their number is checked.
        days = range(max(len(old), 1) if isinstance(old, list) else 1)
        first = datetime(2000, 1, 1, tzinfo=UTC)
        return [{"date": first + timedelta(days=day), "scans": [{"path": Path()}]} for day in days]
    return deepcopy(_STAND_INS.get(pattern))


def _known_keys(location: Sequence[str | int]) -> list[str]:
    """Keys that are allowed beside an unknown one."""
    sections: dict[str, type[Section]] = {
        "project": ProjectInfo,
        "layers": LayerSource,
        "datums": DatumSource,
        "dem": DemSource,
        "heatmap": HeatmapOptions,
        "grid": GridOptions,
        "region": Region,
        "scans": ScanSource,
        "epochs": Epoch,
        "change": ChangeOptions,
        "sites": Site,
        "rules": RuleOptions,
        "subsidence": SubsidenceOptions,
        "rectification": Rectification,
    }
    for part in reversed(location[:-1]):
        if part in sections:
            return sorted(sections[str(part)].model_fields)
    return sorted(name for name in ProjectFile.model_fields if name != "path")
