"""Maps for notebooks: the review pack's own map in one file, and a quick folium map; both without a network."""

import html
from collections.abc import Mapping
from pathlib import Path

import geopandas as gpd

from sxrisk.errors import OutputError
from sxrisk.products.page import map_page, page_in_one_file
from sxrisk.products.page_data import contents
from sxrisk.products.text import check_language, label, text_catalogue

__all__ = ["WebMap", "web_map"]


class WebMap:
    """A map page in one HTML text; shows itself in a notebook.

    Parameters
    ----------
    html_text : str
        The whole page.
    height_px : int
        Height in the notebook.
    about : str
        What is on it, for a console that shows no page.
    """

    def __init__(self, html_text: str, height_px: int = 640, about: str = "") -> None:
        self.html = html_text
        self.height_px = height_px
        self.about = about

    def __repr__(self) -> str:
        about = f" of {self.about}" if self.about else ""
        return f"<WebMap{about}, {len(self.html.encode()) / 1e6:.1f} MB; save(path) writes the page>"

    def save(self, path: str | Path) -> Path:
        """Write the page to a file that opens by double click.

        Parameters
        ----------
        path : str or Path

        Returns
        -------
        Path

        Raises
        ------
        OutputError
            If it cannot be written.
        """
        target = Path(path)
        try:
            target.write_text(self.html, encoding="utf-8", newline="\n")
        except OSError as error:
            raise OutputError("the map cannot be written", where=target, remedy=str(error)) from error
        return target

    def _repr_html_(self) -> str:
        page = html.escape(self.html, quote=True)
        return (
            f'<iframe srcdoc="{page}" style="width:100%;height:{self.height_px}px;border:1px solid #d5dbe1"></iframe>'
        )


def web_map(
    layers: Mapping[str, gpd.GeoDataFrame] | gpd.GeoDataFrame,
    findings: gpd.GeoDataFrame | None = None,
    *,
    path: str | Path | None = None,
    language: str = "zh",
    title: str | None = None,
) -> WebMap:
    """A map of layers and findings in one file that needs no network.

    Parameters
    ----------
    layers : mapping of str to GeoDataFrame, or GeoDataFrame
        Canonical layers, in any known CRS, by the name that the map shows; where that is the code of a kind, the
        kind's own name is shown.
    findings : GeoDataFrame, optional
        In the findings schema.
    path : str or Path, optional
        Where to save it as well.
    language : {"zh", "en"}
        What it opens in.
    title : str, optional

    Returns
    -------
    WebMap
        Shows itself in a notebook; ``save(path)`` writes it.

    Raises
    ------
    CRSError
        If a layer has no coordinate system.
    ParameterError
        If the language is neither ``zh`` nor ``en``.

    Examples
    --------
    >>> import shapely
    >>> mine = gpd.GeoDataFrame({"id": ["M1"], "name": ["合山煤矿"], "kind": ["enterprise"]},
    ...     geometry=[shapely.Point(112.9, 37.9)], crs=4490)
    >>> web_map({"mines": mine}).html[:15]
    '<!DOCTYPE html>'
    """
    from sxrisk.rules import load_catalogue

    chosen = check_language(language)
    named = {"layer": layers} if isinstance(layers, gpd.GeoDataFrame) else layers
    titles = {code: title or label("ui", "review_pack", code) for code in ("zh", "en")}
    page = map_page(
        named,
        findings,
        title=titles,
        language=chosen,
        as_of="",
        catalogue=load_catalogue(),
        # A name has one form: the caller's, in both languages.
        layer_titles={}
        if named is not layers
        else {name: {"zh": name, "en": name} for name in named if not _is_kind(name)},
    )
    shown = WebMap(page_in_one_file(page), about=contents(named, findings))
    if path is not None:
        shown.save(path)
    return shown


def _is_kind(name: str) -> bool:
    return name in text_catalogue()["kind"]
