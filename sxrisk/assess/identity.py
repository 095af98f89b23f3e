"""Ids that hold for the whole project, where two layers of one kind count from 1 each."""

from collections.abc import Mapping

import geopandas as gpd
import pandas as pd

__all__ = ["distinct_ids", "row_of_feature"]


def distinct_ids(frames: Mapping[str, gpd.GeoDataFrame]) -> dict[str, gpd.GeoDataFrame]:
    """Layers in which no two features of one kind share an id.

    An id that stands in several layers of its kind becomes ``layer/id`` in each of them, so that a measurement or a
    finding never lands on the wrong one. Other ids stay as the files have them.

    Parameters
    ----------
    frames : mapping of str to GeoDataFrame
        Canonical layers by their id in the project.

    Returns
    -------
    dict of str to GeoDataFrame

    Examples
    --------
    >>> ponds = [gpd.GeoDataFrame({"id": ["1"], "kind": ["goaf"]}, geometry=[None]) for _ in range(2)]
    >>> [frame["id"].item() for frame in distinct_ids(dict(zip("ab", ponds))).values()]
    ['a/1', 'b/1']
    """
    if not frames:
        return {}
    keys = pd.concat([frame[["kind", "id"]].assign(layer=layer) for layer, frame in frames.items()], ignore_index=True)
    layers_of = keys.groupby(["kind", "id"])["layer"].nunique()
    shared = set(layers_of[layers_of > 1].index)
    if not shared:
        return dict(frames)
    return {
        layer: frame.assign(
            id=[
                f"{layer}/{name}" if (kind, name) in shared else name
                for kind, name in zip(frame["kind"], frame["id"], strict=True)
            ]
        )
        for layer, frame in frames.items()
    }


def row_of_feature(frame: gpd.GeoDataFrame, layer: str, feature: str) -> gpd.GeoDataFrame:
    """The rows of `frame` that the project file means by `feature`, before or after :func:`distinct_ids`."""
    return frame[frame["id"].isin([feature, f"{layer}/{feature}"])]
