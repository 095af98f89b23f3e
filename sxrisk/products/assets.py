"""The vendored and own parts of a page, and how data get into it safely."""

import base64
import hashlib
import json
import math
import tomllib
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

__all__ = [
    "content_policy",
    "data_script",
    "fill_template",
    "json_for_script",
    "vendor_manifest",
    "vendor_text",
    "web_text",
]

_HERE = Path(__file__).parent
VENDOR = _HERE / "vendor"
WEB = _HERE / "web"


@cache
def vendor_manifest() -> tuple[Mapping[str, str], ...]:
    """Third-party files of the pack: file, package, version, licence, licence_file, sha256."""
    with (VENDOR / "MANIFEST.toml").open("rb") as file:
        return tuple(tomllib.load(file)["file"])


def vendor_text(name: str) -> str:
    """Text of a third-party file."""
    return (VENDOR / name).read_text(encoding="utf-8")


def web_text(name: str) -> str:
    """Text of one of our own front-end files."""
    return (WEB / name).read_text(encoding="utf-8")


def json_for_script(value: Any) -> str:
    r"""JSON that may stand inside a ``<script>`` element: no ``<``, no line separators, NaN as null.

    Examples
    --------
    >>> json_for_script({"name": "</script><b>", "depth_m": float("nan")})
    '{"name":"\\u003c/script>\\u003cb>","depth_m":null}'
    """
    text = json.dumps(_plain(value), ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return text.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")


def data_script(name: str, value: Any) -> str:
    r"""A script that hands one named piece of data to the page.

    Examples
    --------
    >>> data_script("meta", {"n": 1})
    '(window.SXDATA=window.SXDATA||{})["meta"]={"n":1};\n'
    """
    return f"(window.SXDATA=window.SXDATA||{{}})[{json_for_script(name)}]={json_for_script(value)};\n"


def content_policy(inline_scripts: Iterable[str] | None = None) -> str:
    """A Content-Security-Policy under which nothing but the page's own parts can run and nothing leaves it.

    Parameters
    ----------
    inline_scripts : iterable of str, optional
        For a page in one file: the scripts it holds, allowed by their hash. Otherwise scripts come from its folder.
    """
    if inline_scripts is None:
        scripts = "'self'"
    else:
        digests = (hashlib.sha256(script.encode()).digest() for script in inline_scripts)
        scripts = " ".join(f"'sha256-{base64.b64encode(digest).decode()}'" for digest in digests)
    return (
        f"default-src 'none'; script-src {scripts}; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; "
        "font-src 'self' data:; worker-src blob:; child-src blob:; connect-src data: blob:; "
        "base-uri 'none'; form-action 'none'"
    )


def fill_template(template: str, values: Mapping[str, str]) -> str:
    """Put trusted or escaped pieces where a template has ``{{name}}``; every one must be used.

    Examples
    --------
    >>> fill_template("<p>{{text}}</p>", {"text": "a {{b}}"})
    '<p>a {{b}}</p>'
    """
    parts = template.split("{{")
    out = [parts[0]]
    for part in parts[1:]:
        name, _, rest = part.partition("}}")
        out.append(values[name] + rest)
    return "".join(out)


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, np.ndarray):
        return _plain(value.tolist())
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if value is None or isinstance(value, (bool, int, str)):
        # A lone surrogate (from a broken encoding) cannot be written as UTF-8.
        return value.encode("utf-8", "replace").decode() if isinstance(value, str) else value
    return str(value)
