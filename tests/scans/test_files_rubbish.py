"""Any bytes under any known ending: a scan, a mesh, or an error that says what is wrong, and soon."""

import io
import warnings
from pathlib import Path

import laspy
import numpy as np
import pye57
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sxrisk.errors import InputError
from sxrisk.scans import Scan, read_scan, scan_info, write_scan
from sxrisk.scans.files import MESHES, POINT_FILES
from sxrisk.surfaces import Mesh, read_mesh

pytestmark = pytest.mark.filterwarnings("ignore")
RNG = np.random.default_rng(11)
XYZ = np.round(RNG.uniform(0, 20, (60, 3)), 3)
CALM = settings(
    max_examples=15, deadline=5000, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
TEXT = "".join(f"{x} {y} {z} 7\n" for x, y, z in XYZ[:40])
PCD = "VERSION .7\nFIELDS x y z\nSIZE 4 4 4\nTYPE F F F\nCOUNT 1 1 1\nWIDTH 3\nHEIGHT 1\nPOINTS 3\nDATA {}\n"
PTX = "2\n2\n1 2 3\n1 0 0\n0 1 0\n0 0 1\n1 0 0 0\n0 1 0 0\n0 0 1 0\n5 6 7 1\n" + "0 0 0 0.5\n" + "1 2 3 0.5\n" * 3


class Files(dict[str, bytes]):
    """Contents by ending; failures shall not print them."""

    def __repr__(self) -> str:
        return "sound files"


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Files:
    """A sound file of each kind."""
    folder = tmp_path_factory.mktemp("whole")
    files = Files()
    for suffix in (".las", ".laz"):
        buffer = io.BytesIO()
        record = laspy.LasData(laspy.LasHeader(version="1.4", point_format=6))
        record.x, record.y, record.z = XYZ.T
        record.write(buffer, do_compress=suffix == ".laz")
        files[suffix] = buffer.getvalue()
    with pye57.E57(str(folder / "a.e57"), mode="w") as e57:
        e57.write_scan_raw({f"cartesian{axis}": XYZ[:, i].copy() for i, axis in enumerate("XYZ")})
    files[".e57"] = (folder / "a.e57").read_bytes()
    files[".ply"] = write_scan(Scan(XYZ), folder / "a.ply").read_bytes()
    files[".vtp"] = write_scan(Scan(XYZ), folder / "a.vtp").read_bytes()
    files[".pcd"] = PCD.format("binary").encode() + XYZ[:3].astype("<f4").tobytes()
    files |= dict.fromkeys((".xyz", ".csv", ".txt", ".asc", ".pts"), TEXT.encode())
    files[".ptx"] = PTX.encode()
    rows = TEXT.replace(" 7\n", "\n")
    files[".vtk"] = f"# vtk DataFile Version 3.0\nt\nASCII\nDATASET POLYDATA\nPOINTS 40 float\n{rows}".encode()
    mesh = Mesh([[0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1]], [[0, 2, 1], [0, 1, 3], [1, 2, 3], [0, 3, 2]])
    for suffix in (".obj", ".stl", ".glb", ".dxf"):
        files[suffix] = mesh.write(folder / f"a{suffix}").read_bytes()
    files[".off"] = b"OFF\n3 1 0\n0 0 0\n1 0 0\n0 1 0\n3 0 1 2\n"
    assert set(files) == {*POINT_FILES, *MESHES}
    return files


def opened(path: Path) -> None:
    """Read it every way; only our own errors may come out."""
    if path.suffix in MESHES:
        with pytest.raises(InputError):
            read_scan(path)
        tries = [lambda: read_mesh(path)]
    else:
        tries = [lambda: read_scan(path).xyz, lambda: repr(scan_info(path)), lambda: read_scan(path).bounds()]
    if path.suffix == ".ply":
        tries.append(lambda: read_mesh(path))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for attempt in tries:
            try:
                attempt()
            except InputError as error:
                assert path.name in str(error) or path.suffix in str(error), error


@pytest.mark.parametrize("suffix", [*POINT_FILES, *MESHES])
@CALM
@given(data=st.binary(max_size=400))
def test_any_bytes(tmp_path: Path, suffix: str, data: bytes) -> None:
    path = tmp_path / f"a{suffix}"
    path.write_bytes(data)
    opened(path)


@pytest.mark.parametrize("suffix", [*POINT_FILES, *MESHES])
@CALM
@given(data=st.data())
def test_sound_files_that_were_damaged(whole: Files, tmp_path: Path, suffix: str, data: st.DataObject) -> None:
    sound = bytearray(whole[suffix])
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, min(len(sound), 700) - 1) | st.integers(0, len(sound) - 1))
        patch = data.draw(st.binary(min_size=1, max_size=8))
        sound[at : at + len(patch)] = patch
    cut = data.draw(st.none() | st.integers(1, len(sound)))
    path = tmp_path / f"a{suffix}"
    path.write_bytes(bytes(sound[:cut]))
    opened(path)


@pytest.mark.parametrize("suffix", [*POINT_FILES, *MESHES])
def test_every_shorter_file_is_told(whole: Files, tmp_path: Path, suffix: str) -> None:
    sound = whole[suffix]
    path = tmp_path / f"a{suffix}"
    for cut in sorted({1, 5, 100, len(sound) // 2, len(sound) - 9, len(sound) - 1} & set(range(1, len(sound)))):
        path.write_bytes(sound[:cut])
        opened(path)
