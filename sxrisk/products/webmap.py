"""Maps for notebooks: the review pack's own map in one file, and a quick folium map; both without a network."""

import html
from collections.abc import Mapping
from pathlib import Path

import geopandas as gpd

from sxrisk.errors import OutputError
from sxrisk.products.page import map_page, page_in_one_file
from sxrisk.products.text import check_language, label

__all__ = ["WebMap", "web_map"]


class WebMap:
    """A map page in one HTML text; shows itself in a notebook.

    Parameters
    ----------
    html_text : str
        The whole page.
    height_px : int
        Height in the notebook.
    """

    def __init__(self, html_text: str, height_px: int = 640) -> None:
        self.html = html_text
        self.height_px = height_px

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
        Canonical layers by id, in any known CRS.
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
    )
    shown = WebMap(page_in_one_file(page))
    if path is not None:
        shown.save(path)
    return shown
