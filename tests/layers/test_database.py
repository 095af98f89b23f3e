"""PostGIS by a real server: what is written comes back, names stay names, and no message tells a password."""

from datetime import date
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
from geopandas.testing import assert_geodataframe_equal

from sxrisk.errors import CRSError, FileFormatError, InputError, OutputError, ParameterError
from sxrisk.findings import findings_frame
from sxrisk.layers import load_layer, read_layer, read_postgis, write_postgis
from sxrisk.layers.databases.postgis import is_database_url, public_url

HOSTILE = 'x"; drop table 村庄; --'


def villages(crs: int = 4490) -> gpd.GeoDataFrame:
    columns = {
        "id": ["甲-1", "乙-2", "丙-3"],
        "名称": ["甲村", "O'Brien'); drop table 村庄; --", ""],
        "户数": pd.array([30, None, 0], dtype="Int64"),
        "人口": [120.0, np.nan, 0.1 + 0.2],
        "搬迁": pd.array([True, None, False], dtype="boolean"),
        "建成": pd.to_datetime(["2015-03-01 00:00:00.000000", None, "1999-12-31 23:59:59.123456"]),
        "批准": [date(2010, 1, 1), None, date(2020, 2, 29)],
        HOSTILE: ["a\tb\nc", "\\N", "☃"],
        "带%的列{}": [1, 2, 3],
    }
    places = [shapely.Point(112.5, 37.5), None, shapely.Point(112.123456789012345, 37.987654321098765)]
    return gpd.GeoDataFrame(columns, geometry=places, crs=crs)


def execute(database: str, statement: str) -> list:
    import psycopg

    with psycopg.connect(database, autocommit=True) as connection:
        cursor = connection.execute(statement)
        return cursor.fetchall() if cursor.description else []


def test_a_frame_comes_back_as_it_went(database: str) -> None:
    frame = villages()
    assert write_postgis(frame, database, "村庄") == 3
    back = read_postgis(database, "村庄")
    expected = frame.sort_values("id", ignore_index=True)
    assert back.crs == "EPSG:4490"
    assert back.columns.tolist() == frame.columns.tolist()
    for name in frame.columns.drop("geometry"):
        wanted, got = expected[name], back[name]
        assert got.isna().tolist() == wanted.isna().tolist(), name
        assert got.dropna().tolist() == wanted.dropna().tolist(), name
    assert shapely.to_wkb(back.geometry.to_numpy()).tolist() == shapely.to_wkb(expected.geometry.to_numpy()).tolist()
    key = execute(database, "select count(*) from pg_index where indrelid = '村庄'::regclass and indisprimary")
    index = execute(database, "select indexdef from pg_indexes where tablename = '村庄' and indexdef like '%gist%'")
    assert key == [(1,)]
    assert len(index) == 1


def test_a_layer_goes_through_the_same_door(database: str) -> None:
    frame = villages(4326).assign(户数=["30", "不详", "0"])
    frame.loc[2, "geometry"] = shapely.Point(2.35, 48.85)
    write_postgis(frame, database, "public.聚落")
    loaded = load_layer(database, kind="settlement", layer="public.聚落")
    assert loaded.frame["name"].tolist() == ["甲村"]
    assert loaded.frame["households"].tolist() == [30.0]
    assert loaded.frame["source_file"].tolist() == ["public.聚落"]
    assert loaded.rejects["reason"].tolist() == ["outside_china", "empty_geometry"]
    assert (loaded.report.rows_read, loaded.report.rows_used, loaded.report.rows_rejected) == (3, 1, 2)
    assert loaded.report.name == "聚落"
    # A canonical frame keeps its meaning on the way through a database.
    write_postgis(loaded.frame, database, "规范", if_exists="replace")
    again = read_layer(database, kind="settlement", layer="规范")
    for name in ("id", "name", "households", "county"):
        assert again[name].tolist() == loaded.frame[name].tolist()
    assert_geodataframe_equal(again[["geometry"]], loaded.frame[["geometry"]])


def test_findings_are_written(database: str) -> None:
    findings = findings_frame([])
    assert write_postgis(findings, database, "结果") == 0
    assert execute(database, "select count(*) from 结果") == [(0,)]


def test_existing_tables_are_kept_replaced_or_extended(database: str) -> None:
    frame = villages()
    write_postgis(frame, database, "t1")
    with pytest.raises(OutputError, match="there is a table or view 't1' already"):
        write_postgis(frame, database, "t1")
    write_postgis(frame.iloc[:1], database, "t1", if_exists="replace")
    write_postgis(frame.iloc[1:2], database, "t1", if_exists="append")
    assert len(read_postgis(database, "t1")) == 2
    # The same key again: nothing of the second batch is written.
    with pytest.raises(OutputError, match="duplicate key"):
        write_postgis(frame.iloc[[2, 0]], database, "t1", if_exists="append")
    assert len(read_postgis(database, "t1")) == 2
    with pytest.raises(OutputError, match=r"column .* does not exist"):
        write_postgis(frame.assign(多=1), database, "t1", if_exists="append")
    execute(database, "create view v1 as select * from t1")
    with pytest.raises(OutputError, match="depend on it"):
        write_postgis(frame, database, "t1", if_exists="replace")
    with pytest.raises(OutputError, match="table or view 'v1' already"):
        write_postgis(frame, database, "v1", if_exists="replace")
    assert len(read_postgis(database, "v1")) == 2


@pytest.mark.parametrize("name", [HOSTILE, "select", "a b", "%s", "{}", "表'名", "a\\b"])
def test_hostile_names_stay_names(database: str, name: str) -> None:
    before = execute(database, "select count(*) from pg_class where relkind = 'r'")[0][0]
    write_postgis(villages(), database, name)
    assert len(read_postgis(database, name)) == 3
    assert execute(database, "select count(*) from pg_class where relkind = 'r'")[0][0] == before + 1
    with pytest.raises(FileFormatError, match="there is no table"):
        read_postgis(database, f"{name}' or '1'='1")


def test_z_mixed_heights_and_utm(database: str) -> None:
    places = [shapely.Point(500_000, 4_100_000, 812.5), shapely.Point(500_100, 4_100_000)]
    frame = gpd.GeoDataFrame({"id": ["b", "a"]}, geometry=places, crs=4547)
    write_postgis(frame, database, "高程")
    back = read_postgis(database, "高程")
    assert back.crs == "EPSG:4547"
    assert shapely.get_z(back.geometry.to_numpy()).tolist()[1] == 812.5
    assert not shapely.has_z(back.geometry.iloc[0])
    write_postgis(frame.iloc[:1], database, "高程3d")
    kind = "select type, srid, coord_dimension from geometry_columns where f_table_name = '高程3d'"
    assert execute(database, kind) == [("GEOMETRY", 4547, 3)]


def test_curves_foreign_rows_and_odd_types(database: str) -> None:
    execute(
        database,
        """create table odd (no serial, tags jsonb, words text[], amount numeric(10, 2), geom geometry);
           insert into odd (tags, words, amount, geom) values
             ('{"甲": 1}', '{a,b}', 1.25,
              ST_GeomFromText('CIRCULARSTRING(4e5 41e5, 400500 4100500, 401000 41e5)', 4546)),
             (null, null, 'NaN', ST_GeomFromText('LINESTRING(400000 4100000, 400500 4100500)', 4546)),
             (null, null, null, ST_GeomFromText('LINESTRING(112 37, 113 37)', 4490)),
             (null, null, null, ST_GeomFromText('LINESTRING EMPTY', 4546)),
             (null, null, null, null)""",
    )
    loaded = load_layer(database, kind="road", layer="odd")
    assert loaded.rejects["reason"].tolist() == ["other_crs", "empty_geometry", "empty_geometry"]
    assert loaded.rejects["detail"].iloc[0] == "SRID 4490, most rows have 4546"
    arc = loaded.frame.to_crs(4546).geometry.iloc[0]
    away = np.hypot(*(shapely.get_coordinates(arc) - (400_500, 4_100_000)).T)
    assert np.abs(away - 500).max() < 0.005
    assert arc.length == pytest.approx(np.pi * 500, rel=1e-5)
    assert loaded.frame["tags"].iloc[0] == '{"甲": 1}'
    with pytest.raises(InputError, match="1 rows cannot be used; the first is row 3"):
        read_postgis(database, "odd")


def test_geography_domains_and_partitions(database: str) -> None:
    execute(
        database,
        """create type size as enum ('小', '大');
           create table parted (id int, "规模" size, g geography(Point, 4326)) partition by range (id);
           create table parted_1 partition of parted for values from (0) to (10);
           insert into parted values (2, '大', 'POINT(112.5 37.5)'), (1, '小', 'POINT(112.6 37.5)')""",
    )
    loaded = load_layer(database, kind="settlement", layer="parted")
    assert sorted(zip(loaded.frame["id"], loaded.frame["规模"], strict=True)) == [("1", "小"), ("2", "大")]
    assert any(issue.code == "row_order_not_fixed" for issue in loaded.report.issues)


def test_tables_that_are_no_layers(database: str) -> None:
    execute(database, "create table bare (a int); create table two (g geometry, h geometry)")
    execute(database, "create table nothing (g geometry(Point, 4490)); create table datumless (g geometry)")
    execute(database, "insert into datumless values (ST_MakePoint(112, 37))")
    with pytest.raises(FileFormatError, match="the table has 0 geometry columns; expected exactly one"):
        read_postgis(database, "bare")
    with pytest.raises(FileFormatError, match="the table has 2 geometry columns"):
        read_postgis(database, "two")
    with pytest.raises(InputError, match="the table is empty"):
        read_postgis(database, "nothing")
    with pytest.raises(CRSError, match="none is declared"):
        read_layer(database, kind="settlement", layer="datumless")
    assert len(read_layer(database, kind="settlement", layer="datumless", crs="EPSG:4490")) == 1
    with pytest.raises(ParameterError, match="no table is named"):
        read_layer(database, kind="settlement")


def test_frames_that_cannot_be_written(database: str) -> None:
    frame = villages()
    with pytest.raises(CRSError, match="no CRS with an EPSG code"):
        write_postgis(frame.set_crs(None, allow_override=True), database, "n1")
    with pytest.raises(ParameterError, match="would be cut short by PostgreSQL"):
        write_postgis(frame.rename(columns={"名称": "名" * 22}), database, "n1")
    with pytest.raises(ParameterError, match="too long for PostgreSQL"):
        write_postgis(frame, database, "表" * 22)
    with pytest.raises(ParameterError, match="if_exists is 'drop'"):
        write_postgis(frame, database, "n1", if_exists="drop")  # type: ignore[arg-type]
    with pytest.raises(OutputError, match='schema "nowhere" does not exist'):
        write_postgis(frame, database, "nowhere.n1")
    assert execute(database, "select count(*) from pg_class where relname = 'n1'") == [(0,)]


def test_no_message_tells_the_password(database: str, database_password: str) -> None:
    from urllib.parse import quote

    coded = quote(database_password, safe="")
    wrong = database.replace("/county?", "/nowhere?")
    refused = database.replace(coded, coded + "x")
    away = "postgresql://postgres:" + coded + "@127.0.0.1:9/county"
    loaded_texts = []
    for address in (wrong, refused, away, "postgresql://a:" + coded + "@[::1/x"):
        with pytest.raises(FileFormatError) as caught:
            read_layer(address, kind="settlement", layer="村庄")
        loaded_texts.append(str(caught.value))
        assert caught.value.__cause__ is None
        with pytest.raises(OutputError) as failed:
            write_postgis(villages(), address, "村庄")
        loaded_texts.append(str(failed.value))
    frame = villages()
    write_postgis(frame, database, "密")
    loaded = load_layer(database, kind="settlement", layer="密")
    loaded_texts += [str(loaded.report.to_dict()), str(loaded.frame.attrs), loaded.frame.to_csv()]
    for text in loaded_texts:
        assert database_password not in text
        assert coded not in text


def test_addresses() -> None:
    assert is_database_url("postgres://h/d")
    assert not is_database_url("C:/a/postgresql.gpkg")
    assert not is_database_url(Path("a/postgresql.gpkg"))
    with pytest.raises(ParameterError) as caught:
        read_layer(Path("/project") / "postgresql://u:secret@h/d", kind="settlement", layer="t")
    assert "secret" not in str(caught.value)
    assert (
        public_url("postgresql://u:p%40w@h:5/d?password=x&host=/tmp") == "postgresql://u@h:5/d?password=***&host=/tmp"
    )
