"""KML and KMZ: every folder, every attribute, every placemark accounted for; nothing expanded, nothing fetched."""

import time
import zipfile
from pathlib import Path

import pytest

from sxrisk.errors import FileFormatError, InputError
from sxrisk.layers import load_layer, read_layer

HEAD = '<?xml version="1.0" encoding="UTF-8"?><kml xmlns="http://www.opengis.net/kml/2.2" xmlns:gx="http://www.google.com/kml/ext/2.2"><Document>'
POINT = "<Point><coordinates>112.5,37.5,812.5</coordinates></Point>"


def mark(name: str, geometry: str = POINT, more: str = "") -> str:
    return f"<Placemark><name>{name}</name>{more}{geometry}</Placemark>"


def written(path: Path, body: str, encoding: str = "utf-8") -> Path:
    text = f"{HEAD}{body}</Document></kml>".replace("UTF-8", encoding)
    path.write_bytes(text.encode(encoding))
    return path


def test_nested_folders_with_repeated_names(tmp_path: Path) -> None:
    body = (
        f"<name>合山县</name>{mark('零')}<Folder><name>村庄</name>{mark('甲')}<Folder><name>北</name>{mark('乙')}</Folder></Folder>"
        f"<Folder><name>学校</name><Folder><name>北</name>{mark('丙')}</Folder></Folder><Folder>{mark('丁')}</Folder>"
    )
    path = written(tmp_path / "a.kml", body)
    frame = read_layer(path, kind="settlement")
    folders = ["", "村庄", "村庄/北", "学校/北", ""]
    assert frame["folder"].tolist() == folders
    assert frame["name"].tolist() == ["零", "甲", "乙", "丙", "丁"]
    assert frame["z_m"].tolist() == [812.5] * 5
    assert frame["crs_source"].unique().tolist() == ["wgs84"]
    assert read_layer(path, kind="settlement", layer="村庄")["name"].tolist() == ["甲", "乙"]
    assert read_layer(path, kind="settlement", layer="北")["name"].tolist() == ["乙", "丙"]
    assert read_layer(path, kind="settlement", layer="学校/北")["name"].tolist() == ["丙"]
    with pytest.raises(FileFormatError, match="there is no folder '南'; expected one of 村庄, 村庄/北, 学校, 学校/北"):
        read_layer(path, kind="settlement", layer="南")


@pytest.mark.parametrize("encoding", ["utf-8", "gb18030", "utf-16"])
def test_extended_data_become_columns(tmp_path: Path, encoding: str) -> None:
    simple = (
        '<ExtendedData><SchemaData schemaUrl="#s"><SimpleData name="户数">30</SimpleData></SchemaData></ExtendedData>'
    )
    plain = '<ExtendedData><Data name="人口"><displayName>x</displayName><value>120</value></Data></ExtendedData>'
    told = "<description><![CDATA[<b>旧</b>]]></description>"
    body = mark("甲", more=simple) + mark("乙", more=plain) + mark("丙", more=told)
    frame = read_layer(written(tmp_path / "a.kml", body, encoding), kind="settlement")
    assert frame["households"].fillna(-1).tolist() == [30.0, -1.0, -1.0]
    assert frame["population"].fillna(-1).tolist() == [-1.0, 120.0, -1.0]
    assert frame["description"].tolist() == ["", "", "<b>旧</b>"]


def test_all_geometries(tmp_path: Path) -> None:
    ring = "112,37 112.1,37 112.1,37.1 112,37.1 112,37"
    hole = "112.02,37.02 112.04,37.02 112.04,37.04 112.02,37.02"
    area = (
        f"<Polygon><outerBoundaryIs><LinearRing><coordinates>{ring}</coordinates></LinearRing></outerBoundaryIs>"
        f"<innerBoundaryIs><LinearRing><coordinates>{hole}</coordinates></LinearRing></innerBoundaryIs></Polygon>"
    )
    line = "<LineString><coordinates>112 , 37 ,5\n 112.1,37.1</coordinates></LineString>"
    track = "<gx:Track><when>2020</when><gx:coord>112 37 0</gx:coord><gx:coord>112.1 37 0</gx:coord></gx:Track>"
    several = f"<MultiGeometry><MultiGeometry>{area}</MultiGeometry>{area.replace('112', '113')}</MultiGeometry>"
    body = mark("面", area) + mark("线", line) + mark("迹", track) + mark("多", several) + mark("点")
    path = written(tmp_path / "a.kml", body)
    areas = load_layer(path, kind="boundary")
    assert areas.frame["name"].tolist() == ["面", "多"]
    assert areas.frame.geometry.iloc[0].area == pytest.approx(0.01 - 0.0002, rel=1e-9)
    assert areas.frame.geometry.iloc[1].geom_type == "MultiPolygon"
    assert areas.rejects["reason"].tolist() == ["unexpected_geometry_type"] * 3
    assert read_layer(path, kind="road")["name"].tolist() == ["线", "迹"]


def test_placemarks_that_are_no_places_are_rejects(tmp_path: Path) -> None:
    bad = [
        "<Point><coordinates>112.5</coordinates></Point>",
        "<Point><coordinates>112,5;37,5</coordinates></Point>",
        "<Point><coordinates>nan,37</coordinates></Point>",
        "<Point><coordinates></coordinates></Point>",
        "<Point><coordinates>112,37 113,37</coordinates></Point>",
        "<LineString><coordinates>112,37</coordinates></LineString>",
        "<Polygon/>",
        "<MultiGeometry/>",
        "",
    ]
    overlay = "<GroundOverlay><name>图</name></GroundOverlay><NetworkLink><Link><href>http://127.0.0.1:9/x.kml</href></Link></NetworkLink>"
    body = mark("好") + "".join(mark(str(at), geometry) for at, geometry in enumerate(bad)) + overlay
    loaded = load_layer(written(tmp_path / "a.kml", body), kind="settlement")
    assert loaded.frame["name"].tolist() == ["好"]
    assert (loaded.report.rows_read, loaded.report.rows_rejected) == (1 + len(bad), len(bad))
    assert set(loaded.rejects["reason"]) == {"geometry_not_understood", "empty_geometry", "coordinates_not_finite"}
    told = next(issue for issue in loaded.report.issues if issue.code == "kml_parts_not_read")
    assert "1 GroundOverlay, 1 NetworkLink" in told.detail


@pytest.mark.parametrize(
    "start",
    [
        '<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;">]>',
        '<!DOCTYPE x SYSTEM "file:///etc/passwd">',
        '<!DOCTYPE x [<!ENTITY % p SYSTEM "http://127.0.0.1:9/x.dtd"> %p;]>',
    ],
)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "utf-16-be", "utf-32"])
def test_entities_are_refused_in_every_encoding(tmp_path: Path, start: str, encoding: str) -> None:
    path = tmp_path / "a.kml"
    text = f"{HEAD}{mark('&b;' if 'ENTITY b' in start else '甲')}</Document></kml>".replace("<kml", f"{start}<kml", 1)
    path.write_bytes(text.encode(encoding))
    with pytest.raises(FileFormatError, match=r"declares entities, which are not expanded|no text that can be decoded"):
        read_layer(path, kind="settlement")


def test_deep_and_large_documents_end(tmp_path: Path) -> None:
    deep = "<Folder>" * 20_000 + mark("甲") + "</Folder>" * 20_000
    start = time.perf_counter()
    assert len(read_layer(written(tmp_path / "a.kml", deep), kind="settlement")) == 1
    nested = "<MultiGeometry>" * 500 + POINT + "</MultiGeometry>" * 500
    loaded = load_layer(written(tmp_path / "b.kml", mark("甲") + mark("乙", nested)), kind="settlement")
    assert loaded.rejects["detail"].tolist() == ["the MultiGeometry cannot be read: nested deeper than 64"]
    many = written(tmp_path / "c.kml", "".join(mark(str(at)) for at in range(20_000)))
    assert len(read_layer(many, kind="settlement")) == 20_000
    assert time.perf_counter() - start < 15


def test_kmz(tmp_path: Path) -> None:
    text = written(tmp_path / "a.kml", mark("甲")).read_bytes()
    path = tmp_path / "a.kmz"

    def packed(**members: bytes) -> Path:
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, data in members.items():
                archive.writestr(name.replace("__", "/").replace("_", "."), data)
        return path

    loaded = load_layer(packed(doc_kml=text, other_kml=text, files__a_png=b"x"), kind="settlement")
    assert loaded.frame["name"].tolist() == ["甲"]
    assert loaded.frame["source_file"].tolist() == ["a.kmz"]
    told = next(issue for issue in loaded.report.issues if issue.code == "archive_members_not_read")
    assert told.detail == "read doc.kml; not read: other.kml, files/a.png"
    assert len(read_layer(packed(places_kml=text), kind="settlement")) == 1
    with pytest.raises(FileFormatError, match=r"the KMZ holds 2 KML files and no doc\.kml"):
        read_layer(packed(a_kml=text, b_kml=text), kind="settlement")
    with pytest.raises(FileFormatError, match="the KMZ holds no KML"):
        read_layer(packed(a_txt=text), kind="settlement")
    path.write_bytes(text)
    with pytest.raises(FileFormatError, match="the archive cannot be opened"):
        read_layer(path, kind="settlement")


def test_a_cut_document_is_told(tmp_path: Path) -> None:
    path = written(tmp_path / "a.kml", "".join(mark(str(at)) for at in range(50)))
    path.write_bytes(path.read_bytes()[:-300])
    with pytest.raises(FileFormatError, match=r"a\.kml: the file cannot be read"):
        read_layer(path, kind="settlement")
    written(path, "")
    with pytest.raises(InputError, match="the layer is empty"):
        read_layer(path, kind="settlement")
