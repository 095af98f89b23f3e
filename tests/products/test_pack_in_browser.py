"""The review pack as people open it: by double click, in a browser, without a network."""

import pandas as pd
import pytest

from sxrisk.products import write_pack
from sxrisk.products.text import detail_pairs, finding_sentence, format_value, result_words

pytestmark = pytest.mark.browser

SCROLL_WIDTH = "Math.max(document.documentElement.scrollWidth, document.body.scrollWidth)"


def until(page, condition):
    """Wait for a condition; the page's policy forbids the strings that Playwright's own wait would evaluate."""
    for _ in range(200):
        if page.evaluate(condition):
            return
        page.wait_for_timeout(50)
    pytest.fail(f"never came true: {condition}")


def camera(page):
    return page.evaluate("[SX.map.getCenter().lng, SX.map.getCenter().lat, SX.map.getZoom()]")


def counted(page):
    return page.locator(".counted").inner_text()


def assert_clean(visited):
    assert visited.complaints == []
    assert visited.outside() == []
    assert visited.page.evaluate("window.hacked") is None


def test_opens_without_a_request_or_a_complaint(visit, pack):
    visited = visit(pack / "index.html")
    page = visited.page
    assert page.title() == "合山县安全风险筛查成果"
    assert "合成数据 / synthetic" in page.locator("header").inner_text()
    assert "显示 240 / 240 条" in counted(page)
    # The page's own Chinese font is there for machines that have none.
    assert page.evaluate("[...document.fonts].map(font => font.status)") == ["loaded"]
    # Base picture, labels and findings are really drawn.
    for layer in ("a-hillshade", "a-heatmap", "a-findings-point", "a-findings-line", "l-0-names"):
        assert page.evaluate("id => !!SX.map.getLayer(id)", layer), layer
    assert page.evaluate("SX.map.queryRenderedFeatures({layers: ['a-findings-point']}).length") > 100
    assert page.evaluate("SX.map.queryRenderedFeatures({layers: ['l-0-names']}).length") >= 1
    assert_clean(visited)


def test_row_moves_the_map_and_map_finds_the_row(visit, pack, pack_input):
    visited = visit(pack / "index.html")
    page = visited.page
    before = camera(page)
    row = page.locator(".rows .row").nth(3)
    index = int(row.get_attribute("data-index"))
    row.click()
    until(page, "SX.map.getZoom() > 12")
    after = camera(page)
    place = pack_input.findings.geometry.iloc[index].representative_point()
    assert before != after
    # The inspector covers the right of the map: the place lies within view, not in its middle.
    assert abs(after[0] - place.x) < 0.02 and abs(after[1] - place.y) < 0.02
    inspector = page.locator("#inspector")
    record = pack_input.findings.iloc[index].to_dict()
    text = inspector.inner_text()
    assert finding_sentence(record, "zh") in text
    assert "第三十条（三）" in text and "筛查结果，须经人工确认" in text and record["finding_id"] in text

    page.locator("#inspector .close").click()
    assert inspector.is_hidden()
    point = page.evaluate("i => SX.map.project([SX.data.findings.x[i], SX.data.findings.y[i]])", index)
    frame = page.locator("#map").bounding_box()
    until(page, "SX.map.loaded()")
    page.mouse.click(frame["x"] + point["x"], frame["y"] + point["y"])
    until(page, "SX.selected >= 0")
    assert page.locator(".rows .row.selected").count() == 1
    assert_clean(visited)


def test_address_opens_on_a_finding(visit, pack, pack_input):
    record = pack_input.findings.iloc[5].to_dict()
    visited = visit(pack / "index.html", hash_text=f"#en&{record['finding_id']}")
    assert finding_sentence(record, "en") in visited.page.locator("#inspector").inner_text()
    until(visited.page, "SX.map.getZoom() > 12")
    assert_clean(visited)


def test_layers_are_switched(visit, pack):
    page = visit(pack / "index.html").page
    shown = "id => SX.map.getLayoutProperty(id, 'visibility')"
    assert page.evaluate(shown, "a-grid") == "none"
    page.locator("label.layer", has_text="四色网格").click()
    assert page.evaluate(shown, "a-grid") == "visible"
    page.locator("label.layer", has_text="筛查结果").click()
    assert page.evaluate(shown, "a-findings-point") == "none"
    assert page.evaluate(shown, "a-findings-line") == "none"


def test_filters_count_and_sort(visit, pack, pack_input):
    visited = visit(pack / "index.html")
    page, frame = visited.page, pack_input.findings
    page.locator(".filter-chip").nth(0).click()
    red = frame[frame["colour"] == "red"]
    assert f"显示 {len(red)} / 240" in counted(page)
    until(page, "SX.map.loaded()")
    drawn = page.evaluate("SX.map.querySourceFeatures('findings-points').map(f => f.properties.colour)")
    assert set(drawn) == {"red"}
    page.locator("select").nth(1).select_option("P-5")
    assert f"显示 {int((red['rule_id'] == 'P-5').sum())} / 240" in counted(page)
    page.get_by_role("button", name="清除筛选").click()
    page.locator("select").nth(2).select_option(label="（未知）")
    assert f"显示 {int((frame['county'] == '').sum())} / 240" in counted(page)
    page.get_by_role("button", name="清除筛选").click()
    page.locator(".search").fill("圐圙峁")
    until(page, "SX.shown.length < 240")
    named = frame["subject_name"].str.contains("圐圙峁") | frame["object_name"].str.contains("圐圙峁")
    assert f"显示 {int(named.sum())} / 240" in counted(page)
    page.locator(".search").fill("")
    until(page, "SX.shown.length === 240")
    page.get_by_role("columnheader", name="差额").click()
    values = page.evaluate("SX.shown.map(i => SX.get(i, 'deficit'))")
    assert values == sorted(values, reverse=True)
    assert_clean(visited)


def test_sentences_are_the_same_in_page_and_report(visit, pack, pack_input):
    page = visit(pack / "index.html").page
    frame = pack_input.findings
    short = [i for i, name in enumerate(frame["subject_name"]) if len(name) < 300]
    for language in ("zh", "en"):
        page.evaluate("l => SX.setLanguage(l)", language)
        shown = page.evaluate("a => a.map(i => SX.sentence(i))", short)
        assert shown == [finding_sentence(frame.iloc[i].to_dict(), language) for i in short]


def test_what_changed_is_shown_and_filtered(visit, make_pack, tmp_path):
    pack = make_pack(sites=())
    found = pack.findings.copy()
    found["change"] = ["new", "worse", *["unchanged"] * (len(found) - 2)]
    found.loc[0, ["treatment", "status", "metric", "result", "details"]] = [
        "in_progress", "classified", "households", "1-2/3", '{"stake": "K1+000-K2+000", "objects": ["school/XX-06"]}',
    ]  # fmt: skip
    gone = pd.DataFrame({"change": [*found["change"], "gone"]})
    write_pack(tmp_path, make_pack(sites=(), findings=found, changes=gone))
    visited = visit(tmp_path / "index.html")
    page = visited.page
    page.get_by_role("tab", name="概览").click()
    counts = "".join(page.locator(".changes").inner_text().split())
    assert counts == f"新增1加重1不变{len(found) - 2}减轻0消失1"
    page.locator(".changes button").first.click()
    assert page.evaluate("SX.shown.map(i => SX.get(i, 'change'))") == ["new"]
    page.locator(".rows .row").first.click()
    told = page.locator("#inspector").inner_text()
    for words in ("整改中", "新增", "一级二类地区或三级地区", "学校 XX-06", "K1+000-K2+000"):
        assert words in told, words
    shown = page.evaluate("[SX.sentence(0), SX.result(0), ...SX.details(0).flat()]")
    row = found.iloc[0].to_dict()
    expected = [finding_sentence(row, "zh"), result_words("households", "1-2/3", "zh")]
    assert shown == expected + [text for pair in detail_pairs(row["details"], "zh") for text in pair]
    assert_clean(visited)


def test_without_an_earlier_run_there_is_no_filter_for_changes(visit, pack):
    page = visit(pack / "index.html").page
    assert page.locator(".filters select").count() == 4 and page.locator(".filters select").nth(3).is_hidden()


def test_quality_of_the_data_is_listed_in_words(visit, pack):
    page = visit(pack / "index.html").page
    page.get_by_role("tab", name="成果资料").click()
    page.get_by_role("button", name="数据质量").click()
    text = page.locator("dialog").inner_text()
    assert "字符编码为推断（read as GBK）" in text and "警告" in text and "没有图层" not in text
    page.locator("dialog .close").click()
    assert page.get_by_role("link", name="清单 GeoJSON").get_attribute("href") == "findings.geojson"


def test_numbers_and_figures_are_written_as_in_the_report(visit, pack):
    page = visit(pack / "index.html").page
    for value, unit in (
        (3e-6, "1/a"),
        (9.96e-7, "1/a"),
        (0.0, "1/a"),
        (107.0, "1"),
        (0.5, "1"),
        (1204.6, "m"),
        (-4.0, "1"),
    ):
        assert page.evaluate("([v, u]) => SX.format(v, u)", [value, unit]) == format_value(value, unit, "zh")


def test_filtering_a_finding_out_closes_its_inspector(visit, pack):
    page = visit(pack / "index.html").page
    page.evaluate("SX.select(SX.shown.find(i => SX.get(i, 'colour') === 'red'))")
    assert page.locator("#inspector").is_visible()
    page.locator(".filter-chip").nth(0).click()
    assert page.locator("#inspector").is_visible()
    page.locator(".filter-chip").nth(0).click()
    page.locator(".filter-chip").nth(3).click()
    assert page.locator("#inspector").is_hidden() and page.evaluate("SX.selected") == -1


def test_language_is_switched_everywhere(visit, pack):
    visited = visit(pack / "index.html", hash_text="#en")
    page = visited.page
    assert page.evaluate("document.documentElement.lang") == "en"
    assert page.title() == "Heshan county safety-risk screening"
    for tab in ("Layers", "Overview", "3D sites", "Documents"):
        page.get_by_role("tab", name=tab).click()
    page.get_by_role("button", name="Not checked").click()
    assert "layer_missing: Building" in page.locator("dialog").inner_text()
    page.locator("dialog .close").click()
    page.locator("#language").click()
    assert page.evaluate("document.documentElement.lang") == "zh-CN"
    assert "判据" in page.locator(".row.head").inner_text()
    assert_clean(visited)


@pytest.mark.parametrize("width", [360, 390])
@pytest.mark.parametrize("language", ["zh", "en"])
def test_phone_width_has_no_sideways_scroll(visit, pack, width, language):
    visited = visit(pack / "index.html", width=width, height=780, hash_text=f"#{language}")
    page = visited.page
    for view in ("map", "findings", "layers", "overview", "sites", "documents"):
        page.locator(f'#views button[data-view="{view}"]').click()
        assert page.evaluate(SCROLL_WIDTH) <= width, view
    page.locator('#views button[data-view="findings"]').click()
    page.locator(".rows .row").nth(1).click()
    assert page.locator("#inspector").is_visible()
    assert page.evaluate(SCROLL_WIDTH) <= width
    assert_clean(visited)


@pytest.mark.parametrize("site", ["pit-01", "goaf-01"])
def test_scene_is_drawn_and_can_be_read(visit, pack, site):
    visited = visit(pack / "sites" / site / "scene.html", ready="scene")
    page = visited.page
    colours = """() => {
      const canvas = document.getElementById("view"), small = document.createElement("canvas");
      small.width = 90; small.height = 60;
      const context = small.getContext("2d");
      context.drawImage(canvas, 0, 0, 90, 60);
      const data = context.getImageData(0, 0, 90, 60).data, seen = new Set();
      for (let i = 0; i < data.length; i += 4) if (data[i + 3]) {
        seen.add(data.slice(i, i + 3).join());
      }
      return seen.size;
    }"""
    assert page.evaluate(colours) > 50
    frame = page.locator("#view").bounding_box()
    page.mouse.dblclick(frame["x"] + frame["width"] / 2, frame["y"] + frame["height"] / 2)
    page.wait_for_selector("#reading dl")
    reading = page.locator("#reading").inner_text()
    assert "北坐标" in reading and "419" in reading
    for button in page.locator("[data-field]").all():
        button.click()
        assert page.evaluate(colours) > 50
    assert page.locator("#scale b").inner_text().endswith("m")
    page.set_viewport_size({"width": 360, "height": 760})
    assert page.evaluate(SCROLL_WIDTH) <= 360
    assert_clean(visited)


def test_deformation_legend_is_in_millimetres(visit, pack):
    page = visit(pack / "sites" / "pit-01" / "scene.html", ready="scene").page
    legend = page.locator("#legend").inner_text()
    assert "变形 (mm)" in legend and "-50" in legend and "+50" in legend and "低于检出限" in legend
    assert "4.2 mm" in page.locator("#side").inner_text()


def test_hostile_names_stay_text(visit, pack, made_up, pack_input):
    visited = visit(pack / "index.html")
    page = visited.page
    for row, name in enumerate(pack_input.findings["subject_name"]):
        if name in made_up.HOSTILE_NAMES:
            page.evaluate("i => SX.select(i)", row)
    page.locator(".search").fill("<script>")
    until(page, "SX.shown.length === 1")
    assert made_up.HOSTILE_NAMES[0] in page.locator(".rows").inner_text()
    assert page.locator("#findings script, #inspector img, #panel svg").count() == 0
    # The policy itself forbids what slipped through.
    page.evaluate("document.body.insertAdjacentHTML('beforeend', '<img src=\"data:,x\" onerror=\"window.hacked=9\">')")
    page.wait_for_timeout(200)
    assert page.evaluate("window.hacked") is None


def test_web_map_and_quick_map_need_no_network(visit, made_up, pack_input, tmp_path):
    from sxrisk.products import quick_map, web_map

    shown = web_map(pack_input.layers, pack_input.findings, path=tmp_path / "map.html", title="A <b>title</b>")
    assert shown._repr_html_().startswith("<iframe srcdoc=")
    visited = visit(tmp_path / "map.html")
    assert visited.page.title() == "A <b>title</b>"
    assert_clean(visited)

    quick_map(pack_input.layers, pack_input.findings).save_offline(tmp_path / "quick.html")
    visited = visit(tmp_path / "quick.html", ready="")
    visited.page.wait_for_selector(".leaflet-container canvas")
    assert_clean(visited)


def test_large_layer_comes_as_tiles_from_memory(visit, made_up, tmp_path):
    import numpy as np
    import shapely

    from sxrisk.products import web_map

    rng = np.random.default_rng(1)
    points = shapely.points(rng.uniform(112.7, 113.1, 6000), rng.uniform(37.7, 38.1, 6000))
    buildings = made_up.layer("building", list(points), [f"房屋{i}" for i in range(6000)])
    visited = visit(web_map({"buildings": buildings}).save(tmp_path / "tiles.html"))
    assert visited.page.evaluate("SX.data.layers[0].geojson === undefined")
    assert visited.page.evaluate("SX.map.queryRenderedFeatures({layers: ['l-0-point']}).length") > 500
    assert_clean(visited)
