"""The same seed gives the same bytes; the shipped files are those of the seed."""

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import pytest

from sxrisk.sample import make_sample
from sxrisk.sample.frame import random_stream
from sxrisk.sample.terrain import make_terrain


def _hashes(root: Path) -> dict[str, str]:
    return {
        str(path.relative_to(root)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(root.rglob("*"))
        if path.is_file()
    }


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("tiny")
    files = make_sample(root, density=0.01)
    assert all(path.is_file() for path in files)
    return root


def test_layers_are_byte_for_byte_those_that_are_shipped(tiny: Path, repository: Path) -> None:
    made = {name: value for name, value in _hashes(tiny).items() if not name.startswith("scans")}
    for name, value in made.items():
        shipped = hashlib.sha256((repository / name).read_bytes()).hexdigest()
        assert value == shipped, f"{name} differs from the shipped file: run python -m sxrisk.sample"


def test_dxf_does_not_depend_on_the_order_of_sets(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from shapely import LineString;"
        "from sxrisk.sample.network import Road; from sxrisk.sample.write import write_dxf;"
        "import ezdxf; [ezdxf.new('R2010') for _ in range(int(sys.argv[2]))];"
        "write_dxf(Path(sys.argv[1]), [Road('国道', 'G1', LineString([(0, 0), (1, 1)]))])"
    )
    for number in range(3):
        command = [sys.executable, "-c", code, str(tmp_path / f"{number}.dxf"), str(number)]
        subprocess.run(command, check=True, env={**os.environ, "PYTHONHASHSEED": str(number)})
    assert len(set(_hashes(tmp_path).values())) == 1


@pytest.mark.slow
def test_two_runs_are_the_same(tiny: Path, tmp_path: Path) -> None:
    make_terrain.cache_clear()
    make_sample(tmp_path, density=0.01)
    assert _hashes(tmp_path) == _hashes(tiny)


def test_streams_differ_by_name_and_seed() -> None:
    values = {random_stream(seed, name).random() for seed in (1, 2) for name in ("a", "b")}
    assert len(values) == 4
