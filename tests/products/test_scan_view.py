"""The view of clouds and meshes: what the page says, and how it opens in a browser without a network."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sxrisk.errors import GeometryError, ParameterError
from sxrisk.products import view_html
from sxrisk.products.view_data import field_facts, mesh_shown, thinned
from sxrisk.scans import Scan
from sxrisk.scans.tiled import tile_scan
from sxrisk.surfaces import Mesh

HOSTILE = "</script><b>塌陷 & 'x'.laz"


def cloud(n: int = 20_000, **more: Any) -> Scan:
    rng = np.random.default_rng(3)
    x, y = rng.uniform(0, 200, n), rng.uniform(0, 150, n)
    xyz = np.column_stack([512345 + x, 4123456 + y, 1200 + 20 * np.sin(x / 30)])
    attributes = {
        "intensity": (x * 300).astype("u2"),
        "classification": np.where(y < 50, 2, np.where(y < 100, 5, 7)).astype("u1"),
        "red": (x * 255).astype("u2") + 256, "green": (y * 300).astype("u2"), "blue": np.full(n, 30_000, "u2"),
        "distance_m": np.where(x < 10, np.nan, 0.05 * np.sin(y / 10)),
        "user_data": np.zeros(n, "u1"),
        "gps_time": 398_211_642.0 + x,
    }  # fmt: skip
    return Scan(xyz, crs="EPSG:4547", vertical_crs="EPSG:5737", epoch="2026-03-15T10:00+08:00", source=HOSTILE,
                attributes={**attributes, **more})  # fmt: skip


def sheet() -> Mesh:
    x, y = (a.ravel() * 4.0 for a in np.meshgrid(np.arange(30), np.arange(30)))
    corner = (np.arange(29)[:, None] * 30 + np.arange(29)).ravel()
    faces = np.concatenate([corner[:, None] + (0, 1, 30), corner[:, None] + (1, 31, 30)])
    vertices = np.column_stack([512345 + x, 4123456 + y, 1190 + y / 50])
    return Mesh(vertices, faces, crs=cloud(1).crs, vertex_fields={"change_m": 0.2 * np.sin(y / 20)})


def test_thinning_keeps_every_place_and_true_numbers() -> None:
    scan = cloud()
    # A dense spot does not draw the points away from the rest.
    spot = np.tile(scan.xyz[:1], (100_000, 1)) + np.random.default_rng(1).uniform(0, 0.5, (100_000, 3))
    many = Scan(
        np.vstack([spot, scan.xyz]),
        attributes={"intensity": np.append(np.full(100_000, 5), scan.attributes["intensity"])},
    )
    shown = thinned(many, 4000)
    assert shown.count <= 4000 and shown.total == many.n_points
    assert shown.limits["intensity"] == (scan.attributes["intensity"].min(), scan.attributes["intensity"].max())
    held = {tuple(row) for row in np.floor(shown.places[:, :2] / 10).astype(int)}
    there = {tuple(row) for row in np.floor(scan.xyz[:, :2] / 10).astype(int)}
    assert len(held & there) > 0.98 * len(there)
    np.testing.assert_array_equal(shown.box[0], many.xyz.min(axis=0))


def test_small_clouds_are_shown_whole_and_tiles_too(tmp_path: Path) -> None:
    scan = cloud()
    whole = thinned(scan, 100_000)
    assert whole.count == whole.total == scan.n_points
    tiled = thinned(tile_scan(scan, tmp_path / "store", tile_points=3000), 5000)
    assert 1000 < tiled.count <= 5000 and tiled.total == scan.n_points and tiled.limits == thinned(scan, 5000).limits


def test_facts_of_the_legend() -> None:
    facts = dict(field_facts([thinned(cloud(), 5000), mesh_shown(sheet(), 1000)]))
    assert "user_data" not in facts and "red" not in facts
    assert [value for value, _ in facts["classification"]["classes"]] == [2.0, 5.0, 7.0]
    assert facts["distance_m"]["signed"] and facts["distance_m"]["range"][1] == -facts["distance_m"]["range"][0]
    assert facts["distance_m"]["greatest"] == pytest.approx(0.05, abs=1e-4) and facts["distance_m"]["unit"] == "m"
    assert facts["change_m"]["signed"] and facts["intensity"]["unit"] == ""


def test_the_page_keeps_its_size_and_its_bytes(tmp_path: Path) -> None:
    path = view_html(cloud(), tmp_path / "a.html", max_megabytes=1.8)
    assert path.stat().st_size < 1.8e6
    assert path.read_bytes() == view_html(cloud(), tmp_path / "b.html", max_megabytes=1.8).read_bytes()


def test_wrong_input_is_refused(tmp_path: Path) -> None:
    other = Scan([[0.0, 0.0, 0.0]], crs="EPSG:4546", source="b.laz")
    with pytest.raises(ParameterError, match=r"b\.laz: it is in .*4546"):
        view_html([cloud(10), other], tmp_path / "a.html")
    with pytest.raises(GeometryError, match="nothing to show"):
        view_html([], tmp_path / "a.html")
    with pytest.raises(ParameterError, match="no room for points"):
        view_html(cloud(10), tmp_path / "a.html", max_megabytes=1.0)
    with pytest.raises(ParameterError, match="'zh' or 'en'"):
        view_html(cloud(10), tmp_path / "a.html", language="de")
    assert list(tmp_path.iterdir()) == []


COLOURS_SEEN = """() => {
  const small = document.createElement("canvas");
  small.width = 90; small.height = 60;
  const context = small.getContext("2d");
  context.drawImage(document.getElementById("view"), 0, 0, 90, 60);
  const data = context.getImageData(0, 0, 90, 60).data, seen = new Set();
  for (let i = 0; i < data.length; i += 4) if (data[i + 3]) seen.add(data.slice(i, i + 3).join());
  return seen.size;
}"""


@pytest.mark.browser
def test_it_opens_offline_and_is_coloured_by_any_value(visit: Any, tmp_path: Path) -> None:
    path = view_html({HOSTILE: cloud(), "网格": sheet()}, tmp_path / "a.html", max_points=8000)
    visited = visit(path, ready="scene")
    page = visited.page
    assert "共 20,000 个点，此页按体素均匀抽稀显示" in page.locator("header").inner_text()
    assert HOSTILE in page.locator("#side").inner_text() and page.locator("#side b b").count() == 0
    options = page.locator("#field option").all_inner_texts()
    assert options[:6] == ["真彩色", "M3C2 距离", "变形", "高程", "反射强度", "分类"]
    legend = page.locator("#legend")
    for name, words in (("elevation_m", "高程 (m)"), ("classification", "2 地面"), ("distance_m", "M3C2 距离 (mm)"),
                        ("intensity", "反射强度"), ("gps_time", "GPS 时间"), ("rgb", "真彩色")):  # fmt: skip
        page.select_option("#field", name)
        page.wait_for_timeout(100)
        assert words in legend.inner_text(), name
        assert page.evaluate(COLOURS_SEEN) > 20, name
    page.locator("#language").click()
    assert "20,000 points shown, thinned evenly" in page.locator("header").inner_text()
    page.select_option("#field", "classification")
    assert "2 ground (" in legend.inner_text() and "no value" in legend.inner_text()
    assert visited.complaints == [] and visited.outside() == []


@pytest.mark.browser
def test_a_double_click_reads_a_true_value(visit: Any, tmp_path: Path) -> None:
    places = np.array([512345.125, 4123456.25, 1200.5]) + np.mgrid[0:40, 0:40, 0:1].reshape(3, -1).T
    flat = Scan(places, source="flat.laz", attributes={"lod95_m": np.full(1600, 0.0123)})
    visited = visit(view_html(flat, tmp_path / "a.html", language="en"), ready="scene")
    page = visited.page
    frame = page.locator("#view").bounding_box()
    page.mouse.dblclick(frame["x"] + frame["width"] / 2, frame["y"] + frame["height"] / 2)
    page.wait_for_selector("#reading dl")
    reading = page.locator("#reading").inner_text()
    assert "flat.laz" in reading and "1200.500 m" in reading and ".125" in reading and ".250" in reading
    assert visited.complaints == []


@pytest.mark.browser
def test_it_fits_a_telephone(visit: Any, tmp_path: Path) -> None:
    page = visit(view_html(cloud(3000), tmp_path / "a.html"), width=360, height=760, ready="scene").page
    assert page.evaluate("Math.max(document.documentElement.scrollWidth, document.body.scrollWidth)") <= 360
