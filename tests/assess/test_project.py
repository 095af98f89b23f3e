"""The project file: every problem at once, each with its key and what to do."""

from pathlib import Path

import pytest

from sxrisk.assess import load_project
from sxrisk.errors import ProjectError

MINIMAL = """
[project]
name = "A"
as_of = 2026-06-30
[layers.villages]
kind = "settlement"
path = "villages.geojson"
"""

SITE = """
[sites.pit]
kind = "open_pit"
crs = "EPSG:4547"
[[sites.pit.epochs]]
date = 2026-03-15T10:00:00
scans = [{ path = "a.laz", station = [1.0, 2.0, 3.0] }]
"""


def write(folder: Path, text: str, *files: str) -> Path:
    path = folder / "p.toml"
    path.write_text(text, encoding="utf-8")
    for name in files:
        (folder / name).write_text("{}")
    return path


def problems(path: Path) -> list[str]:
    with pytest.raises(ProjectError) as caught:
        load_project(path)
    return [str(problem) for problem in caught.value.problems]


def test_minimal_project_is_valid_with_absolute_paths(tmp_path: Path) -> None:
    project = load_project(write(tmp_path, MINIMAL, "villages.geojson"))
    assert project.layers["villages"].path == tmp_path / "villages.geojson"
    assert project.project.language == "zh"


def test_naive_epoch_is_read_as_china_time(tmp_path: Path) -> None:
    project = load_project(write(tmp_path, MINIMAL + SITE, "villages.geojson", "a.laz"))
    assert project.sites["pit"].epochs[0].date.isoformat() == "2026-03-15T10:00:00+08:00"


def test_all_problems_come_at_once(tmp_path: Path) -> None:
    text = (
        MINIMAL.replace("as_of = 2026-06-30", 'as_of = "soon"').replace('"settlement"', '"setlement"') + "colour = 1\n"
    )
    found = problems(write(tmp_path, text, "villages.geojson"))
    assert len(found) == 3
    assert any(line.startswith("project.as_of: found 'soon'; expected") for line in found)
    assert any("layers.villages.kind" in line and "did you mean 'settlement'" in line for line in found)
    assert any(line.startswith("layers.villages.colour: unknown key. Known here: columns, crs") for line in found)


def test_unknown_key_is_answered_with_the_nearest_one(tmp_path: Path) -> None:
    found = problems(write(tmp_path, MINIMAL + "positon_sigma_m = 2\n", "villages.geojson"))
    assert found == ["layers.villages.positon_sigma_m: unknown key. Did you mean 'position_sigma_m'?"]


def test_missing_file_names_key_and_path(tmp_path: Path) -> None:
    (found,) = problems(write(tmp_path, MINIMAL))
    assert found.startswith("layers.villages.path: ")
    assert "villages.geojson does not exist; expected a file. Check the path" in found


def test_path_outside_needs_to_be_allowed(tmp_path: Path) -> None:
    inside = tmp_path / "in"
    inside.mkdir()
    (tmp_path / "villages.geojson").write_text("{}")
    path = write(inside, MINIMAL.replace("villages.geojson", "../villages.geojson"))
    (found,) = problems(path)
    assert f"lies outside the project's folder. Move it inside, or allow it: --allow {tmp_path}" in found
    assert load_project(path, allow=[tmp_path]).layers["villages"].path.resolve() == tmp_path / "villages.geojson"


def test_symbolic_link_does_not_lead_outside(tmp_path: Path) -> None:
    inside = tmp_path / "in"
    inside.mkdir()
    (tmp_path / "secret.geojson").write_text("{}")
    (inside / "villages.geojson").symlink_to(tmp_path / "secret.geojson")
    (found,) = problems(write(inside, MINIMAL))
    assert "lies outside the project's folder" in found


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (("[project]", "[region]\nboundary = 'village'\n[project]"), "no layer is called 'village'"),
        (("[project]", "[region]\nboundary = 'villages'\n[project]"), "expected a layer of kind 'boundary'"),
        (
            ("[project]", "[region.heatmap]\nbandwidth_m = 100\ncell_m = 80\n[project]"),
            "larger than half of bandwidth_m",
        ),
        (('kind = "settlement"', 'kind = "settlement"\ncrs = "EPSG:99999"'), "EPSG:99999"),
    ],
)
def test_wrong_values_are_explained(tmp_path: Path, change: tuple[str, str], expected: str) -> None:
    found = problems(write(tmp_path, MINIMAL.replace(*change), "villages.geojson"))
    assert any(expected in line for line in found), found


def test_two_epochs_need_parameters_to_compare_them(tmp_path: Path) -> None:
    second = SITE[SITE.index("[[") :].replace("2026-03-15", "2026-04-15")
    (found,) = problems(write(tmp_path, MINIMAL + SITE + second, "villages.geojson", "a.laz"))
    assert found.startswith("sites.pit.change: 2 epochs but no parameters to compare them")


def test_epochs_out_of_order_are_refused(tmp_path: Path) -> None:
    second = SITE[SITE.index("[[") :].replace("2026-03-15", "2025-04-15")
    found = problems(write(tmp_path, MINIMAL + SITE + second, "villages.geojson", "a.laz"))
    assert any("oldest first" in line for line in found)


@pytest.mark.parametrize("text", ["[project", "\xff\xfe", "name = ", ""])
def test_rubbish_is_one_clear_error(tmp_path: Path, text: str) -> None:
    path = tmp_path / "p.toml"
    path.write_bytes(text.encode("latin-1"))
    with pytest.raises(ProjectError, match=r"p\.toml: \d problems? in the project file"):
        load_project(path)


def test_a_folder_instead_of_a_file(tmp_path: Path) -> None:
    with pytest.raises(ProjectError, match="this is a folder; expected a TOML file"):
        load_project(tmp_path)
