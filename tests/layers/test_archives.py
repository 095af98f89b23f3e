"""Zip archives: their layer is read, their traps are refused, nothing is written outside."""

import os
import struct
import zipfile
from pathlib import Path

import geopandas as gpd
import pytest

from sxrisk.errors import CRSError, FileFormatError
from sxrisk.layers import load_layer, read_layer
from sxrisk.layers.vectors.archives import Archive


def villages() -> gpd.GeoDataFrame:
    places = gpd.points_from_xy([112.5, 112.6], [37.5, 37.6])
    return gpd.GeoDataFrame({"名称": ["甲村", "乙庄"], "户数": [30, 40]}, geometry=places, crs=4490)


def shapefile(folder: Path, stem: str) -> list[Path]:
    folder.mkdir(exist_ok=True)
    villages().to_file(folder / f"{stem}.shp", encoding="GBK")
    return sorted(folder.glob(f"{stem}.*"))


def zipped(path: Path, files: list[Path], prefix: str = "") -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in files:
            archive.write(file, f"{prefix}{file.name}")
    return path


def test_a_zipped_shapefile(tmp_path: Path) -> None:
    path = zipped(tmp_path / "a.zip", shapefile(tmp_path / "in", "村庄"), "数据/2026/")
    loaded = load_layer(path, kind="settlement")
    assert loaded.frame["name"].tolist() == ["甲村", "乙庄"]
    assert loaded.frame["source_file"].tolist() == ["a.zip"] * 2
    assert loaded.report.name == "a"
    assert any(issue.code == "read_from_archive" and "村庄.shp" in issue.detail for issue in loaded.report.issues)


def test_one_of_several_layers(tmp_path: Path) -> None:
    files = shapefile(tmp_path / "in", "one") + shapefile(tmp_path / "in", "two")
    villages().to_file(tmp_path / "in" / "three.gpkg")
    note = tmp_path / "in" / "说明.txt"
    note.write_text("说明", encoding="utf-8")
    path = zipped(tmp_path / "a.zip", [*files, tmp_path / "in" / "three.gpkg", note])
    with pytest.raises(
        FileFormatError, match=r"holds 3 layers; expected layer = one of one\.shp, two\.shp, three\.gpkg"
    ):
        read_layer(path, kind="settlement")
    for layer in ("two", "two.shp", "three.gpkg"):
        assert len(read_layer(path, kind="settlement", layer=layer)) == 2
    with pytest.raises(FileFormatError, match="the archive holds no layer"):
        read_layer(zipped(path, [files[0]]), kind="settlement")


def test_errors_name_the_archive_and_the_member(tmp_path: Path) -> None:
    files = shapefile(tmp_path / "in", "one")
    bare = [file for file in files if file.suffix != ".dbf"]
    with pytest.raises(FileFormatError, match=r"a\.zip, one\.shp: the Shapefile's \.dbf is missing"):
        read_layer(zipped(tmp_path / "a.zip", bare), kind="settlement")
    without = [file for file in files if file.suffix != ".prj"]
    with pytest.raises(CRSError, match=r"a\.zip: the coordinate system is unknown"):
        read_layer(zipped(tmp_path / "a.zip", without), kind="settlement")


def test_names_that_windows_wrote_in_gbk(tmp_path: Path) -> None:
    path = zipped(tmp_path / "a.zip", shapefile(tmp_path / "in", "XXXX"))
    data = path.read_bytes().replace(b"XXXX", "村庄".encode("gbk"))
    path.write_bytes(data)
    with Archive(path) as archive:
        assert "村庄.shp" in archive.names
    assert len(read_layer(path, kind="settlement")) == 2


@pytest.mark.parametrize(
    "name", ["../evil.shp", "a/../../evil.shp", "/etc/evil.shp", "C:/evil.shp", "..\\evil.shp", "a\\..\\..\\evil.shp"]
)
def test_names_that_point_outside(tmp_path: Path, name: str) -> None:
    path = tmp_path / "in" / "a.zip"
    path.parent.mkdir()
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(name, b"x")
    before = sorted(tmp_path.rglob("*"))
    for suffix in (".zip", ".kmz"):
        renamed = path.with_suffix(suffix)
        if renamed != path:
            path.rename(renamed)
            before = sorted(tmp_path.rglob("*"))
        with pytest.raises(FileFormatError, match="names a place outside the archive"):
            read_layer(renamed, kind="settlement")
        assert sorted(tmp_path.rglob("*")) == before


def test_bombs_links_and_secrets(tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.geojson", bytes(200_000_000))
    with pytest.raises(FileFormatError, match=r"unpacks from [0-9]+ to 200000000 bytes"):
        read_layer(path, kind="settlement")
    with zipfile.ZipFile(path, "w") as archive:
        link = zipfile.ZipInfo("a.geojson")
        link.external_attr = 0o120777 << 16
        archive.writestr(link, "/etc/passwd")
    with pytest.raises(FileFormatError, match="is a link"):
        read_layer(path, kind="settlement")
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a.geojson", b"{}")
    data = bytearray(path.read_bytes())
    at = data.index(b"PK\x01\x02")
    data[at + 8] |= 1
    data[6] |= 1
    path.write_bytes(bytes(data))
    with pytest.raises(FileFormatError, match="the archive is encrypted"):
        read_layer(path, kind="settlement")
    with zipfile.ZipFile(path, "w") as archive:
        for at in range(10_001):
            archive.writestr(f"{at}.txt", b"")
    with pytest.raises(FileFormatError, match="the archive has 10001 members"):
        read_layer(path, kind="settlement")
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a.geojson", b"{}")
        archive.writestr("A.GeoJSON", b"{}")
    with pytest.raises(FileFormatError, match=r"holds A\.GeoJSON twice"):
        read_layer(path, kind="settlement")


def test_sizes_that_lie_and_broken_content(tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.geojson", os.urandom(20_000))
    data = bytearray(path.read_bytes())
    at = data.index(b"PK\x01\x02")
    lied = bytes(data[: at + 24]) + struct.pack("<I", 100) + bytes(data[at + 28 :])
    path.write_bytes(lied)
    with pytest.raises(FileFormatError, match="cannot be unpacked"):
        read_layer(path, kind="settlement")
    data[5000] ^= 0xFF
    path.write_bytes(bytes(data))
    with pytest.raises(FileFormatError, match=r"the member a\.geojson cannot be unpacked"):
        read_layer(path, kind="settlement")
    path.write_bytes(bytes(data[:8000]))
    with pytest.raises(FileFormatError, match="the archive cannot be opened"):
        read_layer(path, kind="settlement")


def test_an_archive_in_an_archive_is_not_opened(tmp_path: Path) -> None:
    inner = zipped(tmp_path / "inner.zip", shapefile(tmp_path / "in", "one"))
    with pytest.raises(FileFormatError, match="the archive holds no layer"):
        read_layer(zipped(tmp_path / "a.zip", [inner]), kind="settlement")
