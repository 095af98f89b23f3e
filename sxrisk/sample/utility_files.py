"""Chemical plants and their units, power lines and gas mains as files; the units as the workbook an office keeps."""

from pathlib import Path
from typing import Any

import numpy as np

from sxrisk.products.archive import settle_archive
from sxrisk.sample.frame import AS_OF, COUNTY_ZH, to_lonlat
from sxrisk.sample.utilities import ChemicalUnit, Utilities
from sxrisk.sample.write import write_geojson, write_geopackage

__all__ = ["write_utilities"]

_GROUPS = (("单元", 4), ("危险化学品", 3), ("位置", 2))
_HEADERS = ("单元编号", "单元名称", "企业编号", "单元类型", "物质名称", "CAS号", "最大存量(t)", "经度", "纬度")


def write_utilities(folder: Path, utilities: Utilities) -> list[Path]:
    """Write the four layers.

    Parameters
    ----------
    folder : Path
        Gets the files.
    utilities : Utilities
        What to write.

    Returns
    -------
    list of Path
    """
    sites, lines, pipes = utilities.sites, utilities.power_lines, utilities.gas_pipes
    plants: dict[str, list[Any]] = {
        "编号": [site.key for site in sites],
        "名称": [site.name for site in sites],
        "行业": ["危险化学品" for _ in sites],
        "所属县": [COUNTY_ZH for _ in sites],
    }
    power: dict[str, list[Any]] = {
        "编号": [line.key for line in lines],
        "名称": [line.name for line in lines],
        "电压等级(kV)": [line.voltage_kv for line in lines],
    }
    gas: dict[str, list[Any]] = {
        "编号": [pipe.key for pipe in pipes],
        "名称": [pipe.name for pipe in pipes],
        "压力级别": [pipe.level for pipe in pipes],
    }
    return [
        write_geopackage(
            folder / "chemical_sites.gpkg", "化工企业厂界", plants, [site.outline for site in sites], "EPSG:4490"
        ),
        _write_units(folder / "chemical_units.xlsx", utilities.units),
        write_geojson(folder / "power_lines.geojson", power, [line.line for line in lines]),
        write_geojson(folder / "gas_pipes.geojson", gas, [pipe.line for pipe in pipes]),
    ]


def _write_units(path: Path, units: list[ChemicalUnit]) -> Path:
    """A title, a header of two rows with merged cells, and units merged down over their substances."""
    from openpyxl import Workbook
    from openpyxl.styles import Alignment, Font

    book = Workbook()
    sheet = book.active
    sheet.title = "重大危险源台账"
    sheet.merge_cells(start_row=1, end_row=1, start_column=1, end_column=len(_HEADERS))
    sheet.cell(1, 1, f"{COUNTY_ZH}危险化学品单元台账（合成示例数据）").font = Font(bold=True, size=14)
    column = 1
    for title, width in _GROUPS:
        sheet.cell(2, column, title).alignment = Alignment(horizontal="center")
        sheet.merge_cells(start_row=2, end_row=2, start_column=column, end_column=column + width - 1)
        column += width
    for at, header in enumerate(_HEADERS, start=1):
        sheet.cell(3, at, header).font = Font(bold=True)
    row = 4
    for unit in units:
        lon, lat = np.round(to_lonlat(np.array([unit.place.coords[0]]))[0], 7)
        last = row + len(unit.substances) - 1
        for at, value in ((1, unit.key), (2, unit.name), (3, unit.site), (4, unit.use), (8, lon), (9, lat)):
            sheet.cell(row, at, value)
            if last > row:
                sheet.merge_cells(start_row=row, end_row=last, start_column=at, end_column=at)
        for substance, (name, cas, tonnes) in enumerate(unit.substances):
            for at, value in ((5, name), (6, cas), (7, tonnes)):
                sheet.cell(row + substance, at, value)
        row = last + 1
    book.save(path)
    settle_archive(path, AS_OF.date())
    return path
