"""Damaged vector files of every format: a clear error or a rejects row, never a crash, a hang or a silent drop."""

import shutil
import time
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path

import ezdxf
import geopandas as gpd
import numpy as np
import pyogrio
import pytest
import shapely
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sxrisk.errors import InputError
from sxrisk.layers import LoadedLayer, load_layer

COUNT = 12
EXAMPLES = 20
SLOWEST_S = 10.0
NAMES = [f"村庄{at}" for at in range(COUNT)]


def villages() -> gpd.GeoDataFrame:
    places = gpd.points_from_xy(112.5 + np.arange(COUNT) / 100, np.full(COUNT, 37.5))
    return gpd.GeoDataFrame({"名称": NAMES, "户数": range(COUNT)}, geometry=places, crs=4490)


def gdal(driver: str, **options: str) -> Callable[[Path], Path]:
    def write(path: Path) -> Path:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)
            pyogrio.write_dataframe(villages(), path, driver=driver, **options)
        return path

    return write


def parquet(path: Path) -> Path:
    villages().to_parquet(path)
    return path


def kml(path: Path) -> Path:
    marks = "".join(
        f"<Placemark><name>{name}</name><Point><coordinates>{place.x},{place.y}</coordinates></Point></Placemark>"
        for name, place in zip(NAMES, villages().geometry, strict=True)
    )
    path.write_text(f"<?xml version='1.0'?><kml><Document>{marks}</Document></kml>", encoding="utf-8")
    return path


def kmz(path: Path) -> Path:
    inner = kml(path.with_name("doc.kml"))
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.write(inner, "doc.kml")
    return path


def zipped(path: Path) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for part in gdal("ESRI Shapefile", ENCODING="GBK")(path.with_suffix(".shp")).parent.glob(
            f"{path.stem}.[sdpc]*"
        ):
            archive.write(part, part.name)
    return path


def drawing(version: str) -> Callable[[Path], Path]:
    def write(path: Path) -> Path:
        document = ezdxf.new(version)
        block = document.blocks.new("房")
        block.add_circle((0, 0), 3)
        for name, place in zip(NAMES, villages().to_crs(4547).geometry, strict=True):
            document.modelspace().add_blockref("房", (place.x, place.y))
            document.modelspace().add_text(name, height=3, dxfattribs={"insert": (place.x + 1, place.y)})
        if version != "R12":
            document.modelspace().add_hatch().paths.add_polyline_path([(5e5, 4e6), (5.1e5, 4e6), (5e5, 4.1e6)])
        document.saveas(path)
        return path

    return write


#: Format: writer, which of its files may be damaged, CRS to declare.
FORMATS: dict[str, tuple[Callable[[Path], Path], tuple[str, ...], int | None]] = {
    "a.shp": (gdal("ESRI Shapefile", ENCODING="GBK"), (".shp", ".shx", ".dbf", ".prj", ".cpg"), None),
    "a.gpkg": (gdal("GPKG"), (".gpkg",), None),
    "a.geojson": (gdal("GeoJSON"), (".geojson",), None),
    "a.fgb": (gdal("FlatGeobuf"), (".fgb",), None),
    "a.gml": (gdal("GML"), (".gml",), None),
    "a.tab": (gdal("MapInfo File", ENCODING="CP936"), (".tab", ".dat", ".map", ".id"), None),
    "a.mif": (gdal("MapInfo File", ENCODING="CP936"), (".mif", ".mid"), None),
    "a.parquet": (parquet, (".parquet",), None),
    "a.kml": (kml, (".kml",), None),
    "a.kmz": (kmz, (".kmz",), None),
    "a.zip": (zipped, (".zip",), None),
    "a.dxf": (drawing("R2010"), (".dxf",), 4547),
    "r12.dxf": (drawing("R12"), (".dxf",), 4547),
}


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """One undamaged file of every format, each in a folder of its own."""
    return {name: write(tmp_path_factory.mktemp("whole") / name) for name, (write, _, _) in FORMATS.items()}


def accounted(loaded: LoadedLayer) -> None:
    report = loaded.report
    assert report.rows_read == report.rows_filtered + report.rows_used + report.rows_rejected
    assert len(loaded.frame) == report.rows_used
    assert len(loaded.rejects) == report.rows_rejected
    assert np.isfinite(shapely.get_coordinates(loaded.frame.geometry.to_numpy())).all()
    assert (loaded.rejects["detail"].str.len() > 0).all()


def attempt(path: Path, crs: int | None) -> LoadedLayer | None:
    """Read; the only error that may come is one that names the file and says what is wrong."""
    start = time.perf_counter()
    loaded = None
    try:
        loaded = load_layer(path, kind="settlement", crs=crs)
    except InputError as error:
        assert path.stem in str(error)
        assert len(error.problem.what) > 5
    assert time.perf_counter() - start < SLOWEST_S
    if loaded is not None:
        accounted(loaded)
    return loaded


@pytest.mark.parametrize("name", FORMATS)
def test_whole_files_are_read_whole(whole: dict[str, Path], name: str) -> None:
    loaded = attempt(whole[name], FORMATS[name][2])
    assert loaded is not None
    assert sorted(loaded.frame["name"])[:COUNT] == sorted(NAMES) or name.endswith(".dxf")
    assert loaded.report.rows_used >= COUNT


def damaged(data: bytes, draw: st.DataObject) -> bytes:
    how = draw.draw(st.sampled_from(["cut", "flip", "noise", "swap", "twice", "insert"]))
    at = draw.draw(st.integers(0, max(0, len(data) - 1)))
    if how == "cut":
        return data[:at]
    if how == "flip":
        places = draw.draw(st.lists(st.integers(0, max(0, len(data) - 1)), min_size=1, max_size=8))
        changed = bytearray(data)
        for place in places:
            changed[place] ^= draw.draw(st.integers(1, 255))
        return bytes(changed)
    piece = draw.draw(st.binary(min_size=1, max_size=40))
    if how == "noise":
        return data[:at] + piece + data[at + len(piece) :]
    if how == "insert":
        return data[:at] + piece + data[at:]
    if how == "twice":
        return data[:at] + data
    return data[at:] + data[:at]


@pytest.mark.parametrize("name", FORMATS)
def test_damaged_files_are_told_or_read(whole: dict[str, Path], tmp_path: Path, name: str) -> None:
    _, suffixes, crs = FORMATS[name]

    @settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
    @given(draw=st.data())
    def run(draw: st.DataObject) -> None:
        folder = tmp_path / "work"
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(whole[name].parent, folder)
        part = (folder / name).with_suffix(draw.draw(st.sampled_from(suffixes)))
        part.write_bytes(damaged(part.read_bytes(), draw))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)
            attempt(folder / name, crs)

    run()


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("share", [0.0, 0.3, 0.6, 0.9, 0.99])
def test_files_that_end_early_lose_no_row_in_silence(
    whole: dict[str, Path], tmp_path: Path, name: str, share: float
) -> None:
    """What is read of a file that is cut short is all of it, or the reader says so."""
    _, suffixes, crs = FORMATS[name]
    for suffix in suffixes:
        folder = tmp_path / suffix
        shutil.copytree(whole[name].parent, folder)
        part = (folder / name).with_suffix(suffix)
        data = part.read_bytes()
        part.write_bytes(data[: int(share * len(data))])
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)
            loaded = attempt(folder / name, crs)
        if loaded is not None:
            told = {issue.code for issue in loaded.report.issues} & {"drawing_repaired", "reader_warning"}
            assert loaded.report.rows_read >= COUNT or told, suffix


HEADS = (b"", b"fgb\x03fgb\x01", b"SQLite format 3\x00", b"PK\x03\x04", b"PAR1", b"<kml>", b"{", b"!table\n",
         b"Version 300\n", b"  0\nSECTION\n", b"AC1032", b"AutoCAD Binary DXF\r\n\x1a\x00")  # fmt: skip


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
@given(
    data=st.binary(max_size=400),
    suffix=st.sampled_from(sorted({Path(name).suffix for name in FORMATS})),
    head=st.sampled_from(HEADS),
)
def test_noise_under_any_name(tmp_path_factory: pytest.TempPathFactory, data: bytes, suffix: str, head: bytes) -> None:
    path = tmp_path_factory.mktemp("noise") / f"a{suffix}"
    path.write_bytes(head + data)
    with pytest.raises(InputError, match="a" + suffix.replace(".", r"\.")):
        load_layer(path, kind="settlement", crs=4547)


@pytest.mark.parametrize(
    ("name", "suffix", "old", "new"),
    [
        ("a.shp", ".cpg", b"", b"\x00"),
        ("a.shp", ".cpg", b"", b"hex"),
        ("a.shp", ".prj", b"GEOGCS", b"\x80EOGCS"),
        ("a.parquet", ".parquet", "村庄1".encode(), b"\x91\x91\x91\x91\x91\x911"),
        ("a.dxf", ".dxf", "村庄1".encode(), b"\x91\x91\x91\x91\x91\x911"),
        ("a.gml", ".gml", "村庄1".encode(), b"\x91\x91\x91\x91\x91\x911"),
        ("a.fgb", ".fgb", "村庄1".encode(), b"\x91\x91\x91\x91\x91\x911"),
        ("a.gpkg", ".gpkg", "村庄1".encode(), b"\x91\x91\x91\x91\x91\x911"),
    ],
)
def test_bytes_that_are_no_text(
    whole: dict[str, Path], tmp_path: Path, name: str, suffix: str, old: bytes, new: bytes
) -> None:
    """Found by longer runs of the fuzzing above."""
    folder = tmp_path / "work"
    shutil.copytree(whole[name].parent, folder)
    part = (folder / name).with_suffix(suffix)
    data = part.read_bytes()
    assert old in data
    part.write_bytes(data.replace(old, new) if old else new)
    attempt(folder / name, FORMATS[name][2])


def test_one_format_under_the_name_of_another(whole: dict[str, Path], tmp_path: Path) -> None:
    for name, path in whole.items():
        for other in sorted({Path(known).suffix for known in FORMATS} - {path.suffix}):
            copy = shutil.copy(path, tmp_path / f"a{other}")
            # A KMZ is a zip, with a KML in it.
            if (path.suffix, other) != (".kmz", ".zip"):
                with pytest.raises(InputError):
                    pytest.fail(f"{name} as {other} is read: {load_layer(copy, kind='settlement', crs=4490).report}")
