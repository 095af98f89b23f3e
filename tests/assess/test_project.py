"""The project file: every problem at once, each with its key and what to do."""

from pathlib import Path

import geopandas as gpd
import numpy as np
import pytest

from sxrisk.assess import load_project
from sxrisk.assess.inventory import load_project_layer, load_project_layers
from sxrisk.crs import wgs84_to_gcj02
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


NINE = """
[project]
name = "A"
as_of = "2026-06-31"
[layers.a]
kind = "village"
path = "../villages.csv"
colour = "red"
[layers.b]
kind = "settlement"
path = "missing.csv"
[layers.c]
kind = "settlement"
path = "villages.geojson"
crs = "EPSG:2383"
[rules.overrides.NOPE]
value = 3
[rules.values.T-OH]
corridor_half_width_m = -3
[region]
boundary = "zzz"
"""


def test_nine_faults_of_all_sorts_are_told_at_once_in_the_order_of_the_file(tmp_path: Path) -> None:
    found = problems(write(tmp_path, NINE, "villages.geojson"))
    expected = [
        ("project.as_of: ", "found '2026-06-31'"), ("layers.a.kind: ", "did you mean 'settlement'"),
        ("layers.a.colour: ", "unknown key"), ("layers.a.path: ", "lies outside the project's folder"),
        ("layers.b.path: ", "does not exist"), ("layers.c.crs: ", "is a legacy datum"),
        ("rules.overrides: ", "there is no rule 'NOPE'"),
        ("rules.values.T-OH.corridor_half_width_m: ", "-3.0 cannot be used"),
        ("region.boundary: ", "no layer is called 'zzz'"),
    ]  # fmt: skip
    assert [line.startswith(where) and what in line for line, (where, what) in zip(found, expected, strict=True)] == (
        [True] * 9
    ), found


@pytest.mark.parametrize(
    ("text", "wheres"),
    [
        # What cannot be read is not told a second time by what points to it.
        (MINIMAL.replace("settlement", "x") + "[region]\nboundary = 'villages'\n", ["layers.villages.kind"]),
        (MINIMAL + 'crs = "EPSG:0"\nreference = "villages"\n', ["layers.villages.crs"]),
        (MINIMAL + '[layers."a b"]\nkind = "road"\npath = "villages.geojson"\n[region]\nboundary = "a b"\n',
         ["layers.a b"]),
        (MINIMAL + "[region.heatmap]\nbandwidth_m = 300\ncell_m = 'x'\n", ["region.heatmap.cell_m"]),
        (MINIMAL + '[datums.d]\nmethod = "shift3"\ndx_m = "x"\n', ["datums.d.dx_m"]),
        # Two things on one site; the scan is looked for although its epoch has no date.
        (MINIMAL + '[sites.p]\nkind = "pit"\n[[sites.p.epochs]]\nscans = [{ path = "a.laz" }]\n',
         ["sites.p.kind", "sites.p.epochs[0].date", "sites.p.epochs[0].scans[0].path"]),
        ('[project]\nnam = "A"\n', ["layers", "project.name", "project.as_of", "project.nam"]),
        ('layers = 3\nregion = { boundary = "b" }\n[project]\nname = "A"\nas_of = 2026-06-30\n', ["layers"]),
        (MINIMAL.replace('"villages.geojson"', "5"), ["layers.villages.path"]),
    ],
)  # fmt: skip
def test_each_fault_is_told_once(tmp_path: Path, text: str, wheres: list[str]) -> None:
    path = write(tmp_path, text, "villages.geojson")
    with pytest.raises(ProjectError) as caught:
        load_project(path)
    assert sorted(str(problem.where) for problem in caught.value.problems) == sorted(wheres), str(caught.value)


OWN = """[standard]
standard = "own"
standard_zh = "自备"
standard_en = "own"
edition = "1"
[[rules]]
id = "OWN-1"
"""


def test_criteria_of_the_user_are_part_of_the_list(tmp_path: Path) -> None:
    text = MINIMAL + (
        '[rules]\nfiles = ["own.toml", "absent.toml"]\n[rules.overrides.OWN-1]\nenabled = false\n'
        "[rules.overrides.P-35c]\nvalu = 3\ncolour = 'pink'\n[rules.values.T-HO]\na = 1\n"
    )
    path = write(tmp_path, text)
    (tmp_path / "own.toml").write_text(OWN, encoding="utf-8")
    found = problems(path)
    assert found[0].startswith("layers.villages.path: ")
    assert any(line.startswith("rules.files[0], own.toml, line 6, rule OWN-1: ") for line in found)
    assert any(line.startswith("rules.files[1]: ") and "does not exist" in line for line in found)
    assert any("'valu' cannot be overridden" in line for line in found) and any("pink" in line for line in found)
    assert any("there is no rule 'T-HO'. Did you mean T-OH" in line for line in found)
    # The rule stands in a file that cannot be used: nothing more can be said about it.
    assert not any("no rule 'OWN-1'" in line for line in found)


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


def test_a_feature_needs_its_layer(tmp_path: Path) -> None:
    text = MINIMAL + SITE.replace("[[", 'feature = "K1"\n[[')
    (found,) = problems(write(tmp_path, text, "villages.geojson", "a.laz"))
    assert found == "sites.pit: layer and feature belong together; expected both or neither."


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


DATUM = """
[datums.mine-grid]
method = "helmert4"
target = "EPSG:4547"
sigma_m = 0.05
d_east_m = 400000.0
d_north_m = 4100000.0
rotation_arcsec = 0.0
scale_ppm = 0.0
[layers.pits]
kind = "open_pit"
path = "pits.csv"
crs = "datum:mine-grid"
"""
SEVEN = """
[datums.xian80]
method = "helmert7"
source = "EPSG:2383"
sigma_m = 0.1
dx_m = 112.4
dy_m = -31.7
dz_m = 8.25
rx_arcsec = 0.61
ry_arcsec = -1.2
rz_arcsec = 2.05
scale_ppm = -3.1
convention = "position_vector"
"""


def test_a_layer_in_a_datum_of_the_file_is_placed_by_it(tmp_path: Path) -> None:
    path = write(tmp_path, MINIMAL + DATUM + SEVEN, "villages.geojson")
    (tmp_path / "pits.csv").write_text('编号,wkt\nA,"POLYGON ((0 0, 100 0, 100 100, 0 0))"\n', encoding="utf-8")
    loaded = load_project_layer(load_project(path), "pits")
    assert loaded.report.crs == "mine-grid" and loaded.report.crs_source == "local"
    there = loaded.frame.to_crs(4547).geometry.iloc[0]
    assert there.bounds == pytest.approx((400_000, 4_100_000, 400_100, 4_100_100), abs=1e-3)


def test_control_points_stand_for_four_parameters(tmp_path: Path) -> None:
    control = "control = [[0, 0, 500000, 4100000], [1000, 0, 501000, 4100000.02], [0, 1000, 500000.02, 4101000]]"
    text = f'[datums.grid]\nmethod = "helmert4"\ntarget = "EPSG:4547"\n{control}\n'
    project = load_project(write(tmp_path, MINIMAL + text, "villages.geojson"))
    datum = project.datums["grid"].datum("grid")
    assert 0.005 < datum.sigma_m < 0.05
    assert [float(value) for value in datum.to_target(500.0, 500.0)] == pytest.approx([500_500, 4_100_500], abs=0.05)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (("scale_ppm = -3.1\n", ""), "datums.xian80: helmert7 lacks scale_ppm. The surveying office has them"),
        (('convention = "position_vector"\n', ""), "datums.xian80: helmert7 lacks convention"),
        (('"position_vector"', '"bursa"'), "datums.xian80.convention: found 'bursa'"),
        (('"EPSG:2383"', '"EPSG:99999"'), "datums.xian80: 'EPSG:99999' is no coordinate system"),
        (("sigma_m = 0.1\n", ""), "datums.xian80: the accuracy of the transformation is unknown"),
        (("dx_m = 112.4", "dx_km = 0.1124"), "datums.xian80.dx_km: unknown key. Did you mean 'dx_m'?"),
        (
            ("rx_arcsec = 0.61", "control = [[1, 2, 3, 4], [2, 3, 4, 5]]"),
            "control points stand beside other parameters",
        ),
        (("datum:mine-grid", "datum:mine"), "layers.pits.crs: no datum is called 'mine'"),
    ],
)
def test_datums_that_cannot_be_used(tmp_path: Path, change: tuple[str, str], expected: str) -> None:
    found = problems(write(tmp_path, (MINIMAL + DATUM + SEVEN).replace(*change), "villages.geojson", "pits.csv"))
    assert any(line.startswith(expected) or f": {expected}" in line for line in found), found


def test_legacy_datums_are_told_where_their_parameters_go(tmp_path: Path) -> None:
    (found,) = problems(write(tmp_path, MINIMAL + 'crs = "EPSG:2383"\n', "villages.geojson"))
    assert "is a legacy datum" in found and "[datums.NAME] in the project file" in found


def test_own_headers_serve_all_layers(tmp_path: Path) -> None:
    text = MINIMAL.replace("villages.geojson", "villages.csv") + 'crs = "EPSG:4490"\n[headers]\nhouseholds = ["几家"]\n'
    path = write(tmp_path, text)
    (tmp_path / "villages.csv").write_text("编号,经度,纬度,几家\nA,112.5,37.5,30\n", encoding="utf-8")
    assert load_project_layer(load_project(path), "villages").frame.loc[0, "households"] == 30
    wrong = write(tmp_path, text.replace("households", "housholds"))
    assert problems(wrong)[0].startswith("headers: 'housholds' is no column of any kind")
    assert "Did you mean 'households'?" in problems(wrong)[0]


DETECT = 'crs = "detect"\nreference = "roads"\n[layers.roads]\nkind = "road"\npath = "roads.geojson"\n'


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (('reference = "roads"\n', ""), 'layers.villages: crs = "detect" and reference belong together'),
        (('crs = "detect"\n', ""), 'layers.villages: crs = "detect" and reference belong together'),
        (('"roads"\n', '"road"\n'), "layers.villages.reference: no layer is called 'road'"),
        (('"roads"\n', '"villages"\n'), "layer 'villages' is itself to be detected"),
    ],
)
def test_detection_and_its_reference_belong_together(tmp_path: Path, change: tuple[str, str], expected: str) -> None:
    found = problems(write(tmp_path, MINIMAL + DETECT.replace(*change), "villages.geojson", "roads.geojson"))
    assert any(expected in line for line in found), found


def test_a_detected_layer_is_read_after_its_reference(tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    lon, lat = rng.uniform([112, 37], [113, 38], (60, 2)).T
    names = [f"村{at}" for at in range(60)]
    web = gpd.GeoDataFrame({"name": names}, geometry=gpd.points_from_xy(*wgs84_to_gcj02(lon, lat)), crs=4326)
    true = gpd.GeoDataFrame({"name": names}, geometry=gpd.points_from_xy(lon, lat), crs=4326)
    text = MINIMAL + DETECT.replace('"road"', '"settlement"')
    path = write(tmp_path, text)
    web.to_file(tmp_path / "villages.geojson")
    true.to_file(tmp_path / "roads.geojson")
    loaded = dict(load_project_layers(load_project(path)))
    assert list(loaded) == ["villages", "roads"]
    assert loaded["villages"].report.crs_source == "gcj02"
    assert loaded["villages"].report.to_dict()["detected"]["probability"] > 0.99
