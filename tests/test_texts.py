"""Every word that ships can be drawn by the font that ships."""

import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import sxrisk

ROOT = Path(sxrisk.__file__).parent
FILES = sorted(ROOT.rglob("*.toml"))


def texts(value: Any, key: str = "") -> Iterator[str]:
    """What a person is shown: the words under ``zh``, ``en``, ``..._zh`` and ``..._en``."""
    if isinstance(value, str) and key.rpartition("_")[2] in ("zh", "en"):
        yield value
    elif isinstance(value, dict):
        for name, item in value.items():
            yield from texts(item, name)
    elif isinstance(value, list):
        for item in value:
            yield from texts(item, key)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_the_shipped_font_has_every_character(path: Path) -> None:
    from sxrisk.products.fonts import subset_woff

    # A missing glyph is a warning, and warnings fail tests here.
    subset_woff(texts(tomllib.loads(path.read_text(encoding="utf-8"))))
