"""Two layers that count from 1 each."""

import geopandas as gpd
from shapely import Point

from sxrisk.assess.identity import distinct_ids, row_of_feature


def ponds(*ids: str) -> gpd.GeoDataFrame:
    return gpd.GeoDataFrame({"id": ids, "kind": "tailings_pond"}, geometry=[Point(112, 37)] * len(ids), crs=4490)


def test_shared_ids_take_their_layers_name_and_others_stay() -> None:
    frames = distinct_ids({"west": ponds("1", "2"), "east": ponds("1", "3")})
    assert frames["west"]["id"].tolist() == ["west/1", "2"]
    assert frames["east"]["id"].tolist() == ["east/1", "3"]


def test_same_id_in_layers_of_different_kinds_is_no_clash() -> None:
    goafs = ponds("1").assign(kind="goaf")
    frames = distinct_ids({"ponds": ponds("1"), "goafs": goafs})
    assert [frame["id"].item() for frame in frames.values()] == ["1", "1"]


def test_a_site_finds_its_feature_by_the_id_of_the_file() -> None:
    frames = distinct_ids({"west": ponds("1"), "east": ponds("1")})
    assert row_of_feature(frames["east"], "east", "1")["id"].tolist() == ["east/1"]
