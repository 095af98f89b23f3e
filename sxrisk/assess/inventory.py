"""The inventory of a project: each layer through the door of `layers`, in the order that references ask."""

from collections.abc import Iterator, Mapping
from typing import Any

import geopandas as gpd

from sxrisk.assess.place import in_place
from sxrisk.assess.project import ProjectFile
from sxrisk.errors import InputError, SxriskError

__all__ = ["account_for_rows", "check_features", "load_project_layer", "load_project_layers"]


def load_project_layer(project: ProjectFile, key: str, *, region: Any = None, reference: Any = None) -> Any:
    """One layer of a project file.

    Parameters
    ----------
    project : ProjectFile
    key : str
        Its id in the project file.
    region : shapely geometry, optional
        EPSG:4490; rows far outside are set aside.
    reference : GeoDataFrame, optional
        The true layer that a layer of unknown system is compared with.

    Returns
    -------
    LoadedLayer
        Frame, rejects and report.
    """
    from sxrisk.layers import load_layer

    source = project.layers[key]
    with in_place(f"layers.{key}"):
        return load_layer(
            source.path,
            kind=source.kind,
            name=key,
            crs=source.crs if source.datum is None else project.datums[source.datum].datum(source.datum),
            position_sigma_m=source.position_sigma_m,
            columns=source.columns,
            synonyms=project.headers,
            where=source.where,
            values=source.values,
            layer=source.layer,
            encoding=source.encoding,
            x=source.x,
            y=source.y,
            reference=reference,
            region=region,
        )


def load_project_layers(project: ProjectFile) -> Iterator[tuple[str, Any]]:
    """All layers in the order of the project file; what lies far outside the boundary is set aside."""
    boundary = project.region.boundary
    loaded: dict[str, Any] = {}
    outlines: list[Any] = []

    def load(key: str) -> Any:
        if key not in loaded:
            named = project.layers[key].reference
            reference = None if named is None else load(named).frame
            loaded[key] = load_project_layer(project, key, region=outline(key), reference=reference)
        return loaded[key]

    def outline(key: str) -> Any:
        # A boundary's own reference is read without the boundary.
        if boundary is None or key in (boundary, project.layers[boundary].reference):
            return None
        if not outlines:
            outlines.append(load(boundary).frame.union_all())
        return outlines[0]

    for key in project.layers:
        yield key, load(key)


def check_features(project: ProjectFile, layers: Mapping[str, gpd.GeoDataFrame]) -> None:
    """Refuse a site whose outline is no feature of its layer.

    Raises
    ------
    InputError
        Names the site and features that there are.
    """
    for key, site in project.sites.items():
        if site.layer is None:
            continue
        ids = layers[site.layer]["id"]
        if not (ids == site.feature).any():
            shown = ", ".join(ids.head(8)) + (", ..." if len(ids) > 8 else "")
            raise InputError(
                f"layer {site.layer!r} has no feature with the id {site.feature!r}",
                where=f"{project.path.name}: sites.{key}.feature",
                expected=f"one of {shown}" if len(ids) > 1 else shown,
                remedy="Give the id of the site's outline",
            )


def account_for_rows(key: str, layer: Any) -> None:
    """Every row of a file was used, set aside or left out by the project's own filter; anything else is our fault."""
    layer.report.check_rows()
    told, there = (layer.report.rows_used, layer.report.rows_rejected), (len(layer.frame), len(layer.rejects))
    if told != there:
        raise SxriskError(
            f"layer {key}: {told[0]} rows used and {told[1]} rejected are reported, {there[0]} and {there[1]} are "
            "there: this is a fault of sxrisk, please report it"
        )
