"""Vendored files, fonts, images and words."""

import hashlib
import json
import re
import string
import tomllib
import warnings
from pathlib import Path

import geopandas as gpd
import numpy as np
import pytest

import sxrisk.products
from sxrisk.errors import CRSError
from sxrisk.products.assets import VENDOR, content_policy, json_for_script, vendor_manifest
from sxrisk.products.fonts import MissingGlyphWarning, covered, subset_woff, uncovered
from sxrisk.products.imagery import heatmap_image, hillshade, hillshade_image
from sxrisk.products.page_data import strings_in
from sxrisk.products.quickmap import embed_assets, quick_map
from sxrisk.products.text import format_value, text_catalogue


def test_vendored_files_are_the_pinned_ones():
    manifest = vendor_manifest()
    assert {entry["file"] for entry in manifest} == {
        path.name
        for path in VENDOR.iterdir()
        if path.suffix in {".js", ".css", ".ttf"} and path.name != "three.entry.js"
    }
    pinned = json.loads((VENDOR / "package.json").read_text())["dependencies"]
    for entry in manifest:
        assert hashlib.sha256((VENDOR / entry["file"]).read_bytes()).hexdigest() == entry["sha256"], entry["file"]
        assert pinned[entry["package"]] == entry["version"]
        assert (VENDOR / entry["licence_file"]).stat().st_size > 500


def test_no_address_of_a_server_in_our_own_page():
    web = Path(sxrisk.products.__file__).parent / "web"
    for path in web.iterdir():
        addresses = re.findall(r"https?://[^\s\"'`)]+", path.read_text())
        assert set(addresses) <= {"http://www.w3.org/2000/svg"}, path.name


def test_shipped_font_covers_every_word_and_the_made_up_names(pack_input):
    words = list(strings_in(text_catalogue()))
    assert uncovered(words) == ""
    names = [name for frame in pack_input.layers.values() for name in frame["name"]]
    assert uncovered(names) == ""
    assert set(string.printable[:95]) <= covered()


def test_shipped_font_covers_the_shipped_catalogue():
    from sxrisk.rules import load_catalogue

    rules = load_catalogue().rules.values()
    fields = ("title_zh", "text_zh", "standard_zh", "clause_zh", "title_en", "text_en", "standard")
    assert uncovered(getattr(rule, field) or "" for rule in rules for field in fields) == ""


def test_page_font_has_each_character_of_the_page(pack):
    from fontTools.ttLib import TTFont

    glyphs = set(TTFont(pack / "assets" / "sxrisk-sans.woff").getBestCmap())
    used = set()
    for path in [*pack.glob("data/*.js"), *pack.glob("sites/*/scene-data.js")]:
        used |= {char for char in path.read_text(encoding="utf-8") if "\u2e80" <= char <= "\u9fff"}
    assert used and not {char for char in used if ord(char) not in glyphs}


def test_character_beyond_the_font_is_named():
    with pytest.warns(MissingGlyphWarning, match="𠮷"):
        subset_woff(["𠮷村"])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert subset_woff(["圪塔村"]) == subset_woff(["村塔圪"])


def test_every_text_is_in_both_languages():
    for group, entries in text_catalogue().items():
        for key, entry in entries.items():
            assert set(entry) == {"zh", "en"}, f"{group}.{key}"
            names = [set(re.findall(r"\{(\w+)\}", entry[language])) for language in ("zh", "en")]
            assert names[0] == names[1], f"{group}.{key}"


def test_text_file_has_no_key_twice():
    raw = (Path(sxrisk.products.__file__).parent / "text.toml").read_text(encoding="utf-8")
    assert tomllib.loads(raw)


@pytest.mark.parametrize(
    ("value", "unit", "expected"),
    [
        (0.125, "m", "0.13 m"),
        (9.999, "m", "10.00 m"),
        (-1234.5, "m3", "-1,235 m³"),
        (45.25, "deg", "45.3°"),
        (0.5, "1", "0.50"),
    ],
)
def test_numbers_are_rounded_as_in_the_page(value, unit, expected):
    assert format_value(value, unit) == expected


def test_json_cannot_leave_its_script():
    numbers = [float("inf"), np.float32(1.5), np.array([1, 2])]
    text = json_for_script({"a": "</script>\u2028", "b": numbers, "c": "\ud800"})
    assert "<" not in text and "\u2028" not in text
    assert json.loads(text) == {"a": "</script>\u2028", "b": [None, 1.5, [1, 2]], "c": "?"}


def test_policy_lets_nothing_out():
    assert "connect-src data: blob:" in content_policy() and "'unsafe-eval'" not in content_policy()
    assert "'sha256-" in content_policy(["1"]) and "script-src 'self'" not in content_policy(["1"])


def test_hillshade_of_a_plane_tilted_to_the_light():
    # A plane that rises to the south-east by 45 degrees faces the light from the north-west at 45 degrees exactly.
    east, south = np.meshgrid(np.arange(20.0), np.arange(20.0))
    shade = hillshade((east + south) / np.sqrt(2), 1.0)
    np.testing.assert_allclose(shade[1:-1, 1:-1], 1.0, atol=1e-12)


def test_images_lie_where_their_raster_lies(made_up):
    for image, raster in ((hillshade_image(made_up.dem()), made_up.dem()), (heatmap_image(made_up.heatmap()), None)):
        (west, north), _, (east, south), _ = image.corners
        assert image.data_uri.startswith("data:image/webp;base64,")
        assert west < 112.9 < east and south < 37.9 < north
        if raster is not None:
            half = abs(float(raster.x[1] - raster.x[0]))
            assert abs(west - float(raster.x.min())) < 2 * half and abs(north - float(raster.y.max())) < 2 * half
    assert image.legend[0] == 0 and image.legend[1] == pytest.approx(float(made_up.heatmap().max()), rel=0.02)


def test_foreign_link_in_a_folium_page_is_refused():
    from sxrisk.errors import ParameterError

    with pytest.raises(ParameterError, match=r"links to https://example\.org/plugin\.js"):
        embed_assets('<script src="https://example.org/plugin.js"></script>')


def test_a_quick_map_of_a_layer_without_crs_says_which():
    frame = gpd.GeoDataFrame({"name": ["a"]}, geometry=gpd.points_from_xy([112.0], [37.0]))
    with pytest.raises(CRSError, match=r"mines: the coordinate system of the layer is unknown; .*set_crs"):
        quick_map({"mines": frame})
    with pytest.raises(CRSError, match=r"mines: .*legacy datum"):
        quick_map({"mines": frame.set_crs(4610)})
