"""A made-up review pack, written once, and a browser whose network is cut."""

import importlib.util
import shutil
import sys
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path
from types import ModuleType
from typing import Any

import pandas as pd
import pytest

from sxrisk.products import PackInput, write_pack

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
ARGUMENTS = [
    "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update", "--no-first-run",
    "--use-angle=swiftshader", "--enable-unsafe-swiftshader",
]  # fmt: skip


def load_made_up() -> ModuleType:
    path = Path(__file__).with_name("made_up.py")
    spec = importlib.util.spec_from_file_location("sxrisk_made_up", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def made_up() -> ModuleType:
    """The generator of made-up data."""
    return load_made_up()


@pytest.fixture(scope="session")
def make_pack(made_up: ModuleType) -> Callable[..., PackInput]:
    """Makes the input of a pack; keywords replace parts of it."""

    def make(**changes: Any) -> PackInput:
        found = made_up.findings(240)
        unchecked = pd.DataFrame(
            {
                "rule_id": ["T-OH", "P-5"],
                "subject_kind": ["tailings_pond", "pipeline"],
                "subject_id": ["", ""],
                "reason": ["attribute_missing:dam_height_m", "layer_missing:building"],
                "count": [3, 12],
            }
        )
        rejects = pd.DataFrame(
            {
                "source_file": ["企业.csv"],
                "source_row": [7],
                "reason": ["coordinates_missing"],
                "detail": ["经度 is empty"],
                "original": ['{"名称": "=cmd()"}'],
            }
        )
        quality = pd.DataFrame(
            {
                "layer": ["enterprises", ""],
                "kind": ["enterprise", "pipeline"],
                "code": ["told_by_reader", ""],
                "severity": ["warning", "not_checked"],
                "count": [0, 3],
                "ids": ["", "P-5"],
                "detail": ["encoding_guessed: read as GBK", ""],
                "sentence_zh": ["读取图层“enterprises”时发现：encoding_guessed: read as GBK", "没有图层"],
                "sentence_en": ["Noted while layer enterprises was read: encoding_guessed: read as GBK", "no layer"],
            }
        )
        parts: dict[str, Any] = {
            "title_zh": "合山县安全风险筛查成果",
            "title_en": "Heshan county safety-risk screening",
            "as_of": date(2026, 6, 30),
            "findings": found,
            "synthetic": True,
            "layers": made_up.layers(),
            "not_applied": unchecked,
            "rejects": rejects,
            "quality": quality,
            "catalogue": made_up.catalogue(),
            "heatmap": made_up.heatmap(),
            "grid": made_up.grid(found),
            "dem": made_up.dem(),
            "sites": {"pit-01": made_up.pit(), "goaf-01": made_up.goaf()},
            "sources": ["made up by the tests"],
        }
        return PackInput(**(parts | changes))

    return make


@pytest.fixture(scope="session")
def pack_input(make_pack: Callable[..., PackInput]) -> PackInput:
    return make_pack()


@pytest.fixture(scope="session")
def pack(pack_input: PackInput, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of a written pack."""
    out = tmp_path_factory.mktemp("pack") / "成果 demo"
    write_pack(out, pack_input)
    return out


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    """Chromium, headless."""
    if CHROMIUM is None:
        pytest.skip("no chromium on this machine")
    playwright = pytest.importorskip("playwright.sync_api")
    with playwright.sync_playwright() as driver:
        started = driver.chromium.launch(executable_path=CHROMIUM, headless=True, args=ARGUMENTS)
        yield started
        started.close()


class Visit:
    """A page opened from the disk with the network cut, and all it complained about."""

    def __init__(self, browser: Any, address: str, width: int, height: int) -> None:
        self.context = browser.new_context(
            viewport={"width": width, "height": height}, offline=True, reduced_motion="reduce"
        )
        self.page = self.context.new_page()
        self.complaints: list[str] = []
        self.requests: list[str] = []
        self.page.on("console", self._console)
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("requestfailed", lambda request: self.complaints.append(f"failed: {request.url}"))
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.goto(address)

    def _console(self, message: Any) -> None:
        # The software renderer says so on every read-back; no machine with a graphics card does.
        if "GPU stall due to ReadPixels" not in message.text:
            self.complaints.append(f"{message.type}: {message.text}")

    def outside(self) -> list[str]:
        """Requests for anything but the pack's own files."""
        return [url for url in self.requests if not url.startswith(("file:", "blob:", "data:"))]


@pytest.fixture
def visit(browser: Any) -> Iterator[Callable[..., Visit]]:
    """Opens pages and closes them after the test."""
    opened: list[Visit] = []

    def open_page(
        path: Path, *, width: int = 1440, height: int = 900, hash_text: str = "", ready: str = "map"
    ) -> Visit:
        visited = Visit(browser, path.as_uri() + hash_text, width, height)
        opened.append(visited)
        if ready:
            visited.page.wait_for_selector(f"html[data-{ready}=ready]", timeout=60_000)
        return visited

    yield open_page
    for visited in opened:
        visited.context.close()
