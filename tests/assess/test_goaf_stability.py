"""From a mesh or a measured site and a file of parameters to table, JSON and chart; and the project file's table."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from sxrisk.assess import load_project
from sxrisk.assess.goaf_jobs.stability import read_goaf, stability_file
from sxrisk.errors import FileFormatError, InputError, ProjectError
from sxrisk.sites import measure_site
from sxrisk.sites.goafs.measure import measure_goaf_mesh
from sxrisk.surfaces import Mesh

ROCK = """
depth_m = 60.0
available_m = 9.0
unit_weight_kn_m3 = [25.0, 27.0]
safety_factor = 1.3
q_prime = [4.0, 9.0]
factor_a = 1.0
failure = "gravity"
bulking_factor = { distribution = "triangular", low = 1.2, mode = 1.3, high = 1.4 }
[faces.roof]
joint_angle_deg = 30.0
"""


@pytest.fixture(scope="module")
def mesh() -> Mesh:
    """A room of 20 by 12 by 5 m."""
    corners = [[x, y, z] for x in (400_000, 400_020) for y in (4_200_000, 4_200_012) for z in (900, 905)]
    faces = [[0, 1, 3], [0, 3, 2], [4, 6, 7], [4, 7, 5], [0, 4, 5], [0, 5, 1], [2, 3, 7], [2, 7, 6], [0, 2, 6],
             [0, 6, 4], [1, 5, 7], [1, 7, 3]]  # fmt: skip
    return Mesh(np.array(corners, dtype=float), np.array(faces))


def written(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize("ending", ["png", "svg"])
def test_from_a_mesh_to_files(mesh: Mesh, tmp_path: Path, ending: str) -> None:
    source = mesh.write(tmp_path / "room.ply")
    rock = written(tmp_path / "rock.toml", ROCK)
    found = stability_file(source, tmp_path / "out", parameters=rock, draws=500, chart=ending, language="en")
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == sorted(
        ["stability.csv", "stability.json", f"stability.{ending}"]
    )
    table = pd.read_csv(tmp_path / "out" / "stability.csv", encoding="utf-8-sig")
    assert len(table) == len(found.table)
    row = table[table["method"] == "thickness_span"].iloc[0]
    # 0.5 x 1.3 x 12
    assert (row["value"], row["required"]) == pytest.approx((9.0, 7.8), rel=0.01)
    told = json.loads((tmp_path / "out" / "stability.json").read_text(encoding="utf-8"))
    assert told["source"] == "room.ply"
    assert told["overruled"] == []
    assert "rock_quality_q" in told["asked"]
    # 20 x 12 over 2 x 32.
    roof = next(face for face in told["faces"] if face["face"] == "roof-1")
    assert roof["hr_m"] == pytest.approx(3.75, rel=0.01)


def test_a_measured_site_is_read_from_its_json(mesh: Mesh, tmp_path: Path) -> None:
    measured = measure_goaf_mesh(mesh, site_id="CK-9", name="old room", crs="EPSG:4547").result
    measured.save(tmp_path / "kept")
    shape, name = read_goaf(tmp_path / "kept" / "site.json")
    assert (name, shape.volume.best_m3) == ("old room", pytest.approx(1200.0))
    assert shape.crs.to_epsg() == 4547
    measured.write_artefacts(tmp_path / "pack")
    shape, name = read_goaf(tmp_path / "pack" / "summary.json")
    assert (name, shape.span_m) == ("old room", pytest.approx(12.0, rel=0.01))
    assert shape.crs.to_epsg() == 4547


def test_the_measurement_of_a_goaf_holds_its_stability(mesh: Mesh) -> None:
    rock = {"safety_factor": 1.3, "available_m": 9.0}
    result = measure_goaf_mesh(mesh, site_id="CK-9", crs="EPSG:4547", stability=rock).result
    assert "transfer_angle_deg" in result.summary["stability"]["asked"]
    rows = result.measurements.set_index("metric")
    assert rows.loc["roof_ratio_thickness_span", "value"] == pytest.approx(9.0 / 7.8, rel=0.01)


def test_what_cannot_be_read_is_told(mesh: Mesh, tmp_path: Path) -> None:
    source = mesh.write(tmp_path / "room.ply")
    bad = written(tmp_path / "bad.toml", "ucs = 1\nrqd = 120\n")
    with pytest.raises(InputError, match=r"bad\.toml: the parameters cannot be used:\n  - ucs: .*\n  - rqd: the value"):
        stability_file(source, tmp_path / "out", parameters=bad)
    with pytest.raises(FileFormatError, match="not valid TOML"):
        stability_file(source, tmp_path / "out", parameters=written(tmp_path / "no.toml", "a = "))
    with pytest.raises(InputError, match=r"the file cannot be read .* Check the path"):
        stability_file(source, tmp_path / "out", parameters=tmp_path / "absent.toml")
    assert not (tmp_path / "out").exists()
    with pytest.raises(FileFormatError, match="no summary of a site"):
        read_goaf(written(tmp_path / "summary.json", "{}"))
    with pytest.raises(InputError, match="a site of kind open_pit; expected a goaf"):
        read_goaf(written(tmp_path / "summary.json", '{"kind": "open_pit"}'))


PROJECT = """
[project]
name = "A"
as_of = 2026-06-30
[layers.villages]
kind = "settlement"
path = "villages.geojson"
[sites.old]
kind = "goaf"
crs = "EPSG:4547"
[[sites.old.epochs]]
date = 2026-03-15T10:00:00
scans = [{ path = "a.laz", station = [1.0, 2.0, 3.0] }]
[sites.old.stability]
"""


def project(folder: Path, text: str) -> Path:
    for name in ("villages.geojson", "a.laz"):
        (folder / name).write_text("{}")
    return written(folder / "p.toml", text)


def test_the_project_file_takes_the_parameters(tmp_path: Path) -> None:
    text = PROJECT + ROCK.replace("[faces.roof]", "[sites.old.stability.faces.roof]")
    stability = load_project(project(tmp_path, text)).sites["old"].stability
    assert stability["unit_weight_kn_m3"] == [25.0, 27.0]
    assert stability["faces"]["roof"] == {"joint_angle_deg": 30.0}


def test_the_project_file_tells_every_bad_parameter(tmp_path: Path) -> None:
    with pytest.raises(ProjectError) as caught:
        load_project(project(tmp_path, PROJECT + "ucs = 3\nbulking_factor = 1.0\n"))
    assert [str(problem) for problem in caught.value.problems] == [
        "sites.old.stability.ucs: unknown key. Did you mean 'ucs_mpa'?",
        "sites.old.stability.bulking_factor: the value is 1; expected above 1.",
    ]
    with pytest.raises(ProjectError, match="a site of kind open_pit has no stability parameters; expected a goaf"):
        load_project(project(tmp_path, PROJECT.replace('"goaf"', '"open_pit"') + "rqd = 80\n"))


def test_only_goafs_have_a_rock_of_their_own() -> None:
    with pytest.raises(InputError, match="P1: a site of kind open_pit has no stability parameters; expected a goaf"):
        measure_site("open_pit", [], site_id="P1", stability={"rqd": 80})
