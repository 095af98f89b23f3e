"""What instruments and levellers measure: the headers of their tables and the units that the values may be in."""

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass

from sxrisk.errors import ParameterError
from sxrisk.layers.kinds import Attribute, Unit, header_key, split_unit, unit_key

__all__ = ["POINT_HEADERS", "SERIES_KINDS", "TIME_HEADERS", "SeriesKind", "series_kind"]

_LENGTHS = {"m": ("m", "米", "metre", "meter"), "cm": ("cm", "厘米"), "mm": ("mm", "毫米")}
_METRES = {"m": 1.0, "cm": 0.01, "mm": 0.001}
_PRESSURES = {
    "kPa": ("kpa", "千帕"),
    "MPa": ("mpa", "兆帕"),
    "Pa": ("pa", "帕"),
    "bar": ("bar",),
    "mH2O": ("mh2o", "米水柱"),
}
_KILOPASCALS = {"kPa": 1.0, "MPa": 1000.0, "Pa": 0.001, "bar": 100.0, "mH2O": 9.80665}
_ANGLES = {"deg": ("deg", "°", "度"), "arcmin": ("'", "′", "分"), "arcsec": ('"', "″", "秒"), "mm/m": ("mm/m", "‰")}
_DEGREES = {"deg": 1.0, "arcmin": 1 / 60, "arcsec": 1 / 3600, "mm/m": 0.0572957795}

_POINTS = """
点号 点名 测点 测点号 测点编号 测点名称 监测点 监测点号 监测点编号 监测点名称 观测点 观测点号 观测点编号 水准点 水准点号
站点 站号 站名 测站 测站编码 测站编号 测站名称 站点编号 站点名称 传感器 传感器编号 仪器编号 设备编号 设备名称 设备id
测孔 孔号 雨量站 编号 point point_id station station_id sensor sensor_id device device_id gauge bm benchmark id name
"""
_TIMES = """
观测时间 监测时间 采集时间 测量时间 数据时间 上报时间 记录时间 时间 观测日期 监测日期 测量日期 采集日期 日期
datetime timestamp time observed_at date day
"""
#: Headers of the point or instrument.
POINT_HEADERS = tuple(_POINTS.split())
#: Headers of the moment.
TIME_HEADERS = tuple(_TIMES.split())


@dataclass(frozen=True)
class SeriesKind:
    """A measured quantity: its canonical unit, headers, and whether its values are heights above a datum."""

    name: str
    attribute: Attribute
    is_height: bool
    parts: re.Pattern[str]

    def measures(self, header: str) -> bool:
        """Whether a header names this quantity: a synonym, perhaps with an axis or a word to it (X位移, 本次高程).

        Those of another moment than the row's (上次高程, 初始值) do not.
        """
        key = header_key(split_unit(header)[0])
        return key in {header_key(word) for word in self.attribute.synonyms} or bool(self.parts.fullmatch(key))


def series_kind(name: str) -> SeriesKind:
    """Definition of a kind of series.

    Raises
    ------
    ParameterError
        If there is no such kind.

    Examples
    --------
    >>> series_kind("levelling").measures("本次高程(m)"), series_kind("rain").attribute.canonical_unit
    (True, 'mm')
    """
    if name not in SERIES_KINDS:
        raise ParameterError(f"{name!r} is no kind of series", expected=f"one of {', '.join(SERIES_KINDS)}")
    return SERIES_KINDS[name]


def _kind(
    name: str, unit: str, spellings: Mapping[str, tuple[str, ...]], factors: Mapping[str, float], synonyms: str,
    parts: str, *, is_height: bool = False,
) -> SeriesKind:  # fmt: skip
    scale = factors[unit]
    units = {
        unit_key(word): Unit(other, factors[other] / scale) for other, words in spellings.items() for word in words
    }
    attribute = Attribute(name, "number", (name, *synonyms.split()), unit, units=units)
    folded = unicodedata.normalize("NFKC", parts)
    return SeriesKind(name, attribute, is_height, re.compile(folded))


# 本次高程 is a reading of its row's time, 上次高程 is not.
_WHICH = r"(?:本次|累计|累积|本期|当前|实测|平均|日|时段|小时|总|单次)?"
_AXIS = r"(?:[xyzhens]|dx|dy|dz|北向?|东向?|水平|竖向|垂直|竖直|平面|三维|合)?(?:方向)?"
_ALL = (
    _kind(
        "displacement", "mm", _LENGTHS, _METRES,
        "位移 位移量 变形量 变化量 沉降 沉降量 下沉 下沉值 displacement settlement subsidence dx dy dz",
        rf"{_WHICH}{_AXIS}{_WHICH}(?:位移|变形|沉降|下沉|变化)(?:量|值)?{_AXIS}",
    ),
    _kind(
        "levelling", "m", _LENGTHS, _METRES, "高程 标高 高程值 h 正常高 elevation height level",
        rf"{_WHICH}(?:观测|测量|水准|平差)?(?:高程|标高)(?:值)?", is_height=True,
    ),
    _kind(
        "rain", "mm", _LENGTHS, _METRES, "降雨量 雨量 降水量 降雨 rain rainfall precipitation",
        rf"{_WHICH}(?:\d+h)?(?:降雨|降水|雨)量?(?:\d+h)?",
    ),
    _kind(
        "water_level", "m", _LENGTHS, _METRES, "水位 库水位 水位高程 浸润线 浸润线高程 地下水位 water_level stage",
        rf"{_WHICH}(?:库|坝前|孔内|地下)?(?:水位|浸润线|水面)(?:高程|标高|值)?", is_height=True,
    ),
    _kind(
        "pressure", "kPa", _PRESSURES, _KILOPASCALS, "孔隙水压力 渗压 孔压 水压 压力 pressure pore_pressure",
        rf"{_WHICH}(?:孔隙)?(?:水|土|渗|地)?压力?(?:值)?",
    ),
    _kind(
        "tilt", "deg", _ANGLES, _DEGREES, "倾角 倾斜 倾斜角 tilt inclination",
        rf"{_WHICH}{_AXIS}倾(?:角|斜|斜角|斜度){_AXIS}",
    ),
    _kind(
        "crack", "mm", _LENGTHS, _METRES, "裂缝 裂缝宽度 缝宽 crack crack_width opening",
        rf"{_WHICH}(?:裂缝|缝)(?:宽度?|开合度?)?",
    ),
)  # fmt: skip
SERIES_KINDS: Mapping[str, SeriesKind] = {entry.name: entry for entry in _ALL}
