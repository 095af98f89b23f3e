"""All that the published methods say of one measured goaf: roofs, pillars, faces and caving, in one table."""

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import pandas as pd

from sxrisk.errors import ParameterError
from sxrisk.sites.stability.caving import caving_heights
from sxrisk.sites.stability.faces import graph_faces
from sxrisk.sites.stability.measured import (
    measured_faces,
    measured_pillars,
    measured_roofs,
    measured_void,
)
from sxrisk.sites.stability.methods import METHODS
from sxrisk.sites.stability.parameters import StabilityParameters
from sxrisk.sites.stability.pillars import pillar_safety
from sxrisk.sites.stability.result import STABILITY_COLUMNS, GoafStability
from sxrisk.sites.stability.roof import roof_thickness

if TYPE_CHECKING:
    from sxrisk.sites.goafs.shape import CrownPillar, GoafShape

__all__ = ["goaf_stability"]


def goaf_stability(
    shape: "GoafShape",
    parameters: "Mapping[str, Any] | StabilityParameters",
    *,
    crowns: "Iterable[CrownPillar]" = (),
    draws: int = 100_000,
    seed: int = 0,
) -> GoafStability:
    """Every published method on a measured goaf, side by side; what is missing is named, never invented.

    Spans, radii, pillars and their tributary areas, height and length come from the survey with their uncertainty; a
    measure that the user gives counts instead.

    Parameters
    ----------
    shape : GoafShape
        Coordinates in metres.
    parameters : mapping or StabilityParameters
        Of the rock, as for :meth:`sxrisk.sites.stability.StabilityParameters.read`.
    crowns : iterable of CrownPillar
        Rock above the roof as measured, to the ground and to levels above: the thinnest counts for the roof, that to
        the ground for the depth.
    draws, seed : int
        Of the Monte Carlo draws.

    Returns
    -------
    GoafStability

    Raises
    ------
    ParameterError
        If a parameter is unknown or impossible, or a face is named that the goaf does not have.

    References
    ----------
    Each method's own function names its source; all of them: :func:`sxrisk.sites.stability.methods_table`.
    """
    known = StabilityParameters.read(parameters)
    _check_faces(shape, known)
    above = list(crowns)
    void = measured_void(shape, above)
    roofs = measured_roofs(shape, above)
    pillars = measured_pillars(shape, above)
    if "thickness_m" in known.rock:
        # Given across the seam, where its dip counts.
        void.pop("seam_dip_deg")
    found = {*void, *(name for _, measures in roofs for name in measures), *({"depth_m"} & {*pillars.columns})}
    if "depth_m" in known.rock and "depth_m" in pillars:
        pillars = pillars.drop(columns="depth_m")
    shared = {**void, **known.rock}
    options: dict[str, Any] = {"draws": draws, "seed": seed}
    tables = []
    for face, measures in roofs:
        own: dict[str, Any] = {
            "safety_factor": known.safety_factors,
            **shared,
            **measures,
            **{name: known.rock[name] for name in measures.keys() & known.rock.keys()},
        }
        table = roof_thickness(
            own.pop("span_m", None), available_m=own.pop("available_m", None), parameters=own, **options
        )
        tables.append(table.assign(roof=face.id))
    roof = pd.concat(tables, ignore_index=True) if tables else pd.DataFrame()
    strength = pillar_safety(pillars, shared, mineral=known.mineral or None, **options)
    faces = graph_faces(measured_faces(shape, known), shared, form=known.form, **options)
    caving = caving_heights(shared, **options)
    places = {face.id: face.outline for face in shape.faces}
    places |= dict(zip(shape.pillars["id"].astype(str), shape.pillars.geometry, strict=True))
    return GoafStability(
        table=_table(roof, strength, faces, caving),
        roof=roof,
        pillars=strength,
        faces=faces,
        caving=caving,
        overruled=tuple(sorted(found & known.rock.keys())),
        places=places,
        crs=shape.crs,
        mineral=known.mineral,
        draws=draws,
        seed=seed,
    )


def _check_faces(shape: "GoafShape", known: StabilityParameters) -> None:
    names = [*dict.fromkeys(["roof", "wall", *(face.id for face in (*shape.roofs, *shape.walls))])]
    for name in known.faces:
        if name not in names:
            raise ParameterError(
                f"the goaf has no face {name!r}", where=f"faces.{name}", expected=", ".join(names[:12])
            )


def _table(roof: pd.DataFrame, pillars: pd.DataFrame, faces: pd.DataFrame, caving: pd.DataFrame) -> pd.DataFrame:
    """All results under the same columns."""
    method = METHODS["graph"]["extended"]
    faces = faces.assign(method=method.id, title_zh=method.zh, title_en=method.en)
    named = {
        "roof": (roof, {"roof": "subject", "available_m": "value", "required_m": "required",
                        "probability_short": "probability"}),
        "pillar": (pillars, {"id": "subject", "strength_mpa": "value", "stress_mpa": "required", "fos": "ratio",
                             "fos_p05": "ratio_p05", "fos_p95": "ratio_p95", "probability_below_1": "probability"}),
        "graph": (faces, {"face": "subject", "hr_m": "value"}),
        "caving": (caving, {"overburden_m": "value", "height_m": "required", "probability_surface": "probability"}),
    }  # fmt: skip
    parts = []
    for topic, (table, names) in named.items():
        if len(table):
            part = table.rename(columns=names).assign(topic=topic, unit="MPa" if topic == "pillar" else "m")
            parts.append(part.reindex(columns=list(STABILITY_COLUMNS)))
    whole = pd.concat([part.astype(object) for part in parts], ignore_index=True)
    graph = whole["topic"] == "graph"
    whole.loc[graph, "probability"] = 1.0 - faces["probability_stable"].to_numpy()
    whole["governing"] = whole["governing"].eq(True)
    whole = whole.astype({name: kind for name, kind in STABILITY_COLUMNS.items() if kind != "object"})
    whole["subject"] = whole["subject"].fillna("")
    for topic, column in (("graph", "probability"), ("caving", "required")):
        rows = whole.loc[(whole["topic"] == topic) & whole["applied"], column]
        if len(rows):
            whole.loc[rows.idxmax(), "governing"] = True
    return whole
