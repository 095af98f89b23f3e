"""What features say of themselves: what cannot be, zeros that mean unknown, values filled in, gaps."""

from collections.abc import Iterator

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sxrisk.layers.kinds import KINDS, Attribute
from sxrisk.layers.kinds import kind as kind_of
from sxrisk.layers.quality.base import Found, Layer, quality_table

__all__ = ["values_of"]

# Quantities that are measured: two features hardly ever share one. Diameters, storeys and voltages come in sizes.
_MEASURED = frozenset({"m", "m3", "t", "kt/a"})
_NOT_QUANTITIES = ("lon", "lat", "lng", "id", "code", "year", "经度", "纬度", "编号", "代码", "年", "x", "y", "坐标")


def values_of(layer: Layer) -> Iterator[Found]:
    """What is wrong with the attributes of one layer."""
    if layer.kind not in KINDS or not len(layer.frame):
        return
    definition = kind_of(layer.kind)
    yield from _impossible(layer)
    for attribute in definition.attributes:
        if attribute.name in definition.required:
            yield from _missing(layer, attribute)
    yield from _traps(layer)


def _impossible(layer: Layer) -> Iterator[Found]:
    limits = quality_table()["limits"]

    def column(name: str) -> NDArray[np.float64]:
        return layer.numbers(name)

    def told(mask: NDArray[np.bool_], what: str, *names: str) -> Iterator[Found]:
        rows = np.flatnonzero(mask)
        if rows.size:
            figures = ", ".join(f"{name} = {column(name)[rows[0]]:g}" for name in names)
            yield Found(layer.name, "impossible", rows, f"{what}: {figures}", names[0])

    area, radius = layer.area_m2, np.sqrt(layer.area_m2 / np.pi)
    with np.errstate(invalid="ignore", divide="ignore"):
        if layer.kind in ("tailings_pond", "reservoir"):
            height, volume = column("dam_height_m"), column("storage_volume_m3")
            ratio = np.where((height > 0) & (volume > 0), volume / height**3, np.nan)
            low, high = limits["pond_volume_over_height3_low"], limits["pond_volume_over_height3_high"]
            yield from told(ratio < low, "the dam is too high for the volume", "dam_height_m", "storage_volume_m3")
            yield from told(ratio > high, "the volume is too large for the dam", "storage_volume_m3", "dam_height_m")
            yield from told(column("freeboard_m") > height, "more freeboard than dam", "freeboard_m", "dam_height_m")
        diameter, pressure = column("diameter_mm"), column("pressure_mpa")
        product = limits["pipe_pressure_diameter_mpa_mm"]
        yield from told(diameter * pressure > product, "no pipe wall holds this", "pressure_mpa", "diameter_mm")
        small = (diameter > 0) & (diameter < limits["pipe_diameter_least_mm"])
        yield from told(small, "a diameter in another unit", "diameter_mm")
        yield from told(pressure > limits["pipe_pressure_most_mpa"], "a pressure in another unit", "pressure_mpa")
        for name in ("mining_depth_m", "depth_m"):
            if layer.kind != "well":
                yield from told(column(name) > limits["mining_depth_most_m"], "no mine is this deep", name)
        yield from told(column("thickness_m") > column("depth_m"), "thicker than deep", "thickness_m", "depth_m")
        people, homes = column("population"), column("households")
        persons = np.where(homes > 0, people / homes, np.nan)
        few, many = limits["persons_per_household_low"], limits["persons_per_household_high"]
        odd = (persons < few) | (persons > many)
        yield from told(odd, "persons per household", "population", "households")
        yield from told(column("storeys") > limits["storeys_most"], "no building is this high", "storeys")
        if layer.kind == "building":
            floor = area * np.where(column("storeys") > 0, column("storeys"), 1.0)
            tight = floor / people < limits["floor_area_per_person_least_m2"]
            yield from told(tight, "more people than the floors hold", "population", "storeys")
        if layer.kind in ("open_pit", "quarry"):
            deep = column("depth_m") > radius * np.tan(np.radians(limits["pit_slope_most_deg"]))
            yield from told(deep, "deeper than its outline allows", "depth_m")
        if layer.kind == "waste_dump":
            steep = radius * np.tan(np.radians(limits["dump_slope_most_deg"]))
            yield from told(column("stack_height_m") > steep, "higher than its outline allows", "stack_height_m")
            heaped = column("volume_m3") > area * column("stack_height_m")
            yield from told(heaped, "more volume than outline times height", "volume_m3", "stack_height_m")
        yield from told(column("slope_angle_deg") > limits["pit_slope_most_deg"], "too steep", "slope_angle_deg")
        yield from told(column("charge_per_delay_kg") > column("total_charge_kg"), "more in one delay than in all",
                        "charge_per_delay_kg", "total_charge_kg")  # fmt: skip


def _missing(layer: Layer, attribute: Attribute) -> Iterator[Found]:
    values = (
        layer.frame[attribute.name] if attribute.name in layer.frame.columns else pd.Series(pd.NA, layer.frame.index)
    )
    gap = values.isna() | (values.astype("str") == "")
    rows = np.flatnonzero(gap.to_numpy())
    if rows.size:
        yield Found(layer.name, "required_missing", rows, attribute=attribute.name)


def _traps(layer: Layer) -> Iterator[Found]:
    """Columns that are mostly zero, and measured quantities of which a quarter are one value."""
    trap = quality_table()["trap"]
    canonical = layer.attributes
    for name in layer.frame.columns:
        values = layer.frame[name]
        attribute = canonical.get(str(name))
        if not pd.api.types.is_numeric_dtype(values.dtype) or pd.api.types.is_bool_dtype(values.dtype):
            continue
        if attribute is None and (str(name) in _OWN or _is_label(str(name))):
            continue
        numbers = values.to_numpy(dtype=np.float64, na_value=np.nan)
        given = numbers[np.isfinite(numbers)]
        if len(given) < trap["least_rows"]:
            continue
        zeros = np.flatnonzero(numbers == 0)
        if len(zeros) >= trap["zero_share"] * len(given):
            yield Found(layer.name, "mostly_zero", zeros, attribute=str(name))
            continue
        distinct, counts = np.unique(given[given != 0], return_counts=True)
        measured = attribute is None or attribute.canonical_unit in _MEASURED
        if measured and len(distinct) >= trap["least_distinct"] and counts.max() >= trap["repeat_share"] * len(given):
            value = distinct[np.argmax(counts)]
            yield Found(layer.name, "one_value_repeats", np.flatnonzero(numbers == value), f"{value:g}", str(name))


_OWN = ("position_sigma_m", "source_row", "starter_dam_toe_lon", "starter_dam_toe_lat", "z_m")


def _is_label(name: str) -> bool:
    key = name.casefold()
    return any(
        key == part or (len(part) > 1 and (key.endswith(part) or key.startswith(part))) for part in _NOT_QUANTITIES
    )
