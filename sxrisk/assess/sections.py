"""Sections of the project file that say what the inventory is read from: layers and the datums they are in."""

import difflib
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, PositiveFloat, field_validator

from sxrisk.crs import Datum, fit_helmert4, parse_crs
from sxrisk.errors import CRSError, ParameterError
from sxrisk.layers import DETECT, KINDS, kinds_called
from sxrisk.layers.databases.postgis import is_database_url, public_url

__all__ = [
    "DATUM_PREFIX",
    "CRSText",
    "DatumSource",
    "Identifier",
    "Kind",
    "LayerSource",
    "Moment",
    "Section",
    "SubsidenceOptions",
]

CHINA_TIME = ZoneInfo("Asia/Shanghai")
#: What stands before the name of a datum of this file.
DATUM_PREFIX = "datum:"


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


def _layer_crs(text: str) -> str:
    return text if text == DETECT or text.startswith(DATUM_PREFIX) else _known_crs(text)


def _database_url(text: str) -> str:
    if not is_database_url(text):
        raise ValueError("neither a path nor the address of a PostGIS database")
    return text


CRSText = Annotated[str, AfterValidator(_known_crs)]
LayerCRS = Annotated[str, AfterValidator(_layer_crs)]
DatabaseUrl = Annotated[str, AfterValidator(_database_url)]
Kind = Annotated[str, AfterValidator(_known_kind)]
Moment = Annotated[datetime, AfterValidator(_aware)]
Identifier = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$")]


class Section(BaseModel):
    """A section of the project file: unknown keys are refused, and nothing in it changes."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class SubsidenceOptions(Section):
    """What the user declares of the ground above goafs: for all in `values`, for one goaf under its id in `goafs`.

    `movement` says which part of the movement counts. `ranking` gives the weights by which goafs are ranked; without it
    all criteria weigh alike.
    """

    values: dict[str, bool | float] = Field(default={})
    goafs: dict[str, dict[str, bool | float]] = Field(default={})
    movement: Literal["final", "to_date", "to_come", "residual"] = "final"
    cell_m: PositiveFloat = 10.0
    ranking: dict[str, Annotated[float, Field(ge=0)]] = Field(default={})

    @field_validator("values", "goafs", mode="after")
    @classmethod
    def _declared(cls, told: dict[str, Any]) -> dict[str, Any]:
        from sxrisk.reach.subsidence import DECLARED

        flat = [key for entry in told.values() if isinstance(entry, dict) for key in entry]
        keys = flat or [key for key, value in told.items() if not isinstance(value, dict)]
        if unknown := sorted(set(keys) - set(DECLARED)):
            raise ValueError(f"{unknown[0]!r} cannot be declared; known: {', '.join(DECLARED)}")
        return told

    @field_validator("ranking", mode="after")
    @classmethod
    def _criteria(cls, weights: dict[str, float]) -> dict[str, float]:
        from sxrisk.risk import RANKING_CRITERIA

        if unknown := sorted(set(weights) - set(RANKING_CRITERIA)):
            raise ValueError(f"{unknown[0]!r} is no criterion; known: {', '.join(RANKING_CRITERIA)}")
        if weights and not any(weights.values()):
            raise ValueError("at least one weight must be above 0")
        return weights


class LayerSource(Section):
    """One layer: where it lies, a file or ``postgresql://user@host/database``, and how to read it."""

    kind: Kind
    path: Path | DatabaseUrl
    crs: LayerCRS | None = None
    reference: str | None = None
    position_sigma_m: Annotated[float, Field(ge=0)] | None = None
    title: str = ""
    title_zh: str = ""
    columns: dict[str, str] = Field(default={})
    where: dict[str, str | list[str]] = Field(default={})
    values: dict[str, str | float | bool] = Field(default={})
    layer: str | None = None
    encoding: str | None = None
    x: str | None = None
    y: str | None = None

    @property
    def shown(self) -> str:
        """Where it lies, for people: the file's name, or the address without its password."""
        return self.path.name if isinstance(self.path, Path) else f"{public_url(self.path)} {self.layer or ''}".strip()

    @property
    def datum(self) -> str | None:
        """Name of the datum that the layer is in, if it is in one."""
        return self.crs.removeprefix(DATUM_PREFIX) if self.crs and self.crs.startswith(DATUM_PREFIX) else None


class DatumSource(Section):
    """A legacy datum or a mine grid: by its parameters, or by control points from which four are made."""

    method: Literal["shift3", "helmert4", "helmert7"]
    source: str = ""
    target: str = ""
    sigma_m: Annotated[float, Field(ge=0)] | None = None
    dx_m: float | None = None
    dy_m: float | None = None
    dz_m: float | None = None
    rx_arcsec: float | None = None
    ry_arcsec: float | None = None
    rz_arcsec: float | None = None
    scale_ppm: float | None = None
    convention: Literal["position_vector", "coordinate_frame"] | None = None
    d_east_m: float | None = None
    d_north_m: float | None = None
    rotation_arcsec: float | None = None
    control: list[tuple[float, float, float, float]] | None = None

    def datum(self, name: str) -> Datum:
        """The datum with its parameters.

        Raises
        ------
        ParameterError
            If parameters are missing, foreign to the method, or given beside control points.
        CRSError
            If a system that it names is none.
        """
        given = self.model_dump(exclude={"control", "method", "sigma_m"}, exclude_defaults=True)
        sigma_m = self.sigma_m
        if self.control is not None:
            if self.method != "helmert4" or set(given) != {"target"}:
                raise ParameterError(
                    "control points stand beside other parameters", expected='method = "helmert4", target and control'
                )
            fit = fit_helmert4(self.control)
            given |= {"d_east_m": fit.d_east_m, "d_north_m": fit.d_north_m, "scale_ppm": fit.scale_ppm,
                      "rotation_arcsec": fit.rotation_arcsec}  # fmt: skip
            sigma_m = fit.sigma_m if sigma_m is None else sigma_m
        if sigma_m is None or sigma_m != sigma_m:
            raise ParameterError(
                "the accuracy of the transformation is unknown", expected="sigma_m in metres",
                remedy="Take it from the residuals of the control points; three or more of them tell it themselves",
            )  # fmt: skip
        return Datum(name, self.method, sigma_m, **given)
