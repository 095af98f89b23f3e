"""A physical property of the ground at points: on a lattice, along sections, or scattered."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pyproj

from sxrisk.errors import CRSError, GeometryError, ParameterError

__all__ = ["PropertyModel"]

Floats = npt.NDArray[np.float64]
Scale = Literal["log", "linear"]

# Points whose spread across a plane is less than this share of their spread along it are one section.
_FLAT_SHARE = 1e-3
_ROUNDING_M = 1e-6


@dataclass(frozen=True, eq=False)
class PropertyModel:
    """
    Values of one property of the ground, as an inversion of a survey gives them.

    Parameters
    ----------
    xyz : array-like of shape (n, 3)
        Easting, northing and height of the values, metres.
    values : array-like of shape (n,)
        The property; points without a value are left out before.
    name : str
        ``"resistivity"``, ``"velocity"``, or what the file calls it.
    unit : str
        For example ``"ohm.m"``; ``""`` if the file does not say.
    section : array-like of shape (n,), optional
        Number of the section of each point, in `section_names`; all 0 for one section or a volume.
    section_names : sequence of str
        Names of the sections.
    axes : tuple of arrays (nx,), (ny,), (nz,), optional
        Rising coordinates of a full lattice; the points then run with x slowest and z fastest.
    crs, vertical_crs : pyproj.CRS, optional
        Systems of the coordinates.
    source : str
        Name of the file.

    Raises
    ------
    GeometryError
        If there are no points, or the shapes do not agree.

    Examples
    --------
    >>> model = PropertyModel([[0, 0, 0], [10, 0, 0], [0, 0, 10], [10, 0, 10]], [10.0, 100.0, 10.0, 100.0])
    >>> model.is_section, model.scale
    (True, 'linear')
    """

    xyz: Floats
    values: Floats
    name: str = "value"
    unit: str = ""
    section: npt.NDArray[np.int32] | None = None
    section_names: Sequence[str] = ("",)
    axes: tuple[Floats, Floats, Floats] | None = None
    crs: Any = None
    vertical_crs: Any = None
    source: str = ""

    def __post_init__(self) -> None:
        xyz = np.ascontiguousarray(self.xyz, dtype=np.float64)
        values = np.ascontiguousarray(self.values, dtype=np.float64)
        if xyz.ndim != 2 or xyz.shape[1:] != (3,) or values.shape != (len(xyz),) or not len(xyz):
            raise GeometryError(
                f"points of shape {xyz.shape} with values of shape {values.shape}",
                where=self.source or None,
                expected="points (n, 3) and values (n,), at least one",
            )
        if not (np.isfinite(xyz).all() and np.isfinite(values).all()):
            raise GeometryError("a point or its value is not finite", where=self.source or None)
        section = np.zeros(len(xyz), dtype=np.int32) if self.section is None else np.asarray(self.section, np.int32)
        if self.axes is not None and np.prod([len(axis) for axis in self.axes]) != len(values):
            raise GeometryError("the axes of the lattice do not fit its values", where=self.source or None)
        for key, value in (("xyz", xyz), ("values", values), ("section", section)):
            object.__setattr__(self, key, value)

    @property
    def scale(self) -> Scale:
        """Scale on which the property is compared: resistivities and conductivities span decades."""
        logarithmic = self.name in ("resistivity", "conductivity") and bool((self.values > 0).all())
        return "log" if logarithmic else "linear"

    @property
    def levels(self) -> Floats:
        """Values (n,) on :attr:`scale`: common logarithms, or as they are."""
        return np.log10(self.values) if self.scale == "log" else self.values

    @property
    def origin(self) -> Floats:
        """Local origin (3,): the middle of the points, rounded to a metre."""
        return np.round((self.xyz.min(axis=0) + self.xyz.max(axis=0)) / 2.0)

    @property
    def spacing_m(self) -> float:
        """Median distance from a point to its nearest neighbour."""
        from scipy.spatial import cKDTree

        places = self.xyz - self.origin
        if len(places) < 2:
            return float("nan")
        return float(np.median(cKDTree(places).query(places, k=2)[0][:, 1]))

    @property
    def is_section(self) -> bool:
        """Whether all points lie in one vertical plane."""
        return self._plane() is not None

    def to_level(self, value: float | npt.ArrayLike) -> Floats:
        """A value on :attr:`scale`.

        Raises
        ------
        ParameterError
            If a value that is not positive is asked for on a logarithmic scale.
        """
        values = np.asarray(value, dtype=np.float64)
        if self.scale == "log":
            if not (values > 0).all():
                raise ParameterError(f"{self.name} {values}", expected="a value above zero")
            return np.asarray(np.log10(values))
        return values

    def interpolator(
        self, *, max_gap_m: float | None = None, half_width_m: float | None = None
    ) -> Callable[[Floats], Floats]:
        """
        The property between its points, on :attr:`scale`; NaN where the survey says nothing.

        A lattice is interpolated trilinearly, scattered points and several sections linearly in the tetrahedra
        between them, one section linearly in its plane.

        Parameters
        ----------
        max_gap_m : float, optional
            How far from a point of the model it is still believed; needed for several sections, by default twice the
            spacing of the points.
        half_width_m : float, optional
            How far to both sides of a single section it holds, which no section can tell: asked of the user.

        Returns
        -------
        callable
            From places (k, 3) in the model's system to levels (k,).

        Raises
        ------
        ParameterError
            If a width is needed that is not given.
        """
        from scipy.interpolate import LinearNDInterpolator, RegularGridInterpolator
        from scipy.spatial import cKDTree

        origin, levels = self.origin, self.levels
        if self.axes is not None:
            axes = [axis - offset for axis, offset in zip(self.axes, origin, strict=True)]
            shape = tuple(map(len, axes))
            regular = RegularGridInterpolator(axes, levels.reshape(shape), bounds_error=False)
            return lambda places: np.asarray(regular(places - origin))
        plane = self._plane()
        if plane is not None:
            if half_width_m is None:
                raise ParameterError(
                    "one section does not tell how wide its bodies are across it",
                    where=self.source or None,
                    expected="half_width_m, metres to both sides for which the section stands",
                )
            return self._in_plane(plane, half_width_m, levels)
        if max_gap_m is None and len(self.section_names) > 1:
            raise ParameterError(
                f"{len(self.section_names)} sections without a statement of how far between them they are believed",
                where=self.source or None,
                expected="max_gap_m, metres from the nearest value of a section",
            )
        gap = 2.0 * self.spacing_m if max_gap_m is None else max_gap_m
        local = self.xyz - origin
        linear, tree = LinearNDInterpolator(local, levels), cKDTree(local)

        def at(places: Floats) -> Floats:
            found = np.asarray(linear(places - origin), dtype=np.float64)
            distance, _ = tree.query(places - origin, distance_upper_bound=gap)
            found[~np.isfinite(distance)] = np.nan
            return found

        return at

    def joined(self, others: Sequence["PropertyModel"]) -> "PropertyModel":
        """A model and others of the same property and systems as one, each with its own sections.

        Raises
        ------
        CRSError
            If the systems differ.
        ParameterError
            If the properties or their units differ.
        """
        models = [self, *others]
        for other in others:
            if (other.name, other.unit) != (self.name, self.unit):
                raise ParameterError(
                    f"{other.name} [{other.unit}] cannot be joined to {self.name} [{self.unit}]", where=other.source
                )
            if not (_same(self.crs, other.crs) and _same(self.vertical_crs, other.vertical_crs)):
                raise CRSError(
                    "the models stand in different coordinate or height systems",
                    where=other.source,
                    remedy="Give both the same crs and vertical_crs when reading, or transform one before",
                )
        counts = np.cumsum([0, *(len(model.section_names) for model in models[:-1])])
        parts = [model.section for model in models if model.section is not None]
        return replace(
            self,
            xyz=np.concatenate([model.xyz for model in models]),
            values=np.concatenate([model.values for model in models]),
            section=np.concatenate([part + at for part, at in zip(parts, counts, strict=True)]),
            section_names=tuple(name for model in models for name in model.section_names),
            axes=None if others else self.axes,
        )

    def _plane(self) -> tuple[Floats, Floats] | None:
        """Middle (2,) and direction (2,) of the vertical plane that holds all points, if there is one."""
        plan = self.xyz[:, :2] - self.origin[:2]
        middle = plan.mean(axis=0)
        spread, axes = np.linalg.svd(plan - middle, full_matrices=False)[1:]
        if spread[-1] > max(_FLAT_SHARE * spread[0], _ROUNDING_M * np.sqrt(len(plan))):
            return None
        return middle + self.origin[:2], axes[0]

    def _in_plane(
        self, plane: tuple[Floats, Floats], half_width_m: float, levels: Floats
    ) -> Callable[[Floats], Floats]:
        from scipy.interpolate import LinearNDInterpolator

        middle, along = plane
        height = float(self.origin[2])

        def in_plane(places: Floats) -> tuple[Floats, Floats]:
            offset = places[:, :2] - middle
            across = offset @ np.array([-along[1], along[0]])
            return np.column_stack([offset @ along, places[:, 2] - height]), across

        linear = LinearNDInterpolator(in_plane(self.xyz)[0], levels)

        def at(places: Floats) -> Floats:
            flat, across = in_plane(places)
            found = np.asarray(linear(flat), dtype=np.float64)
            found[np.abs(across) > half_width_m] = np.nan
            return found

        return at

    def __repr__(self) -> str:
        shape = "lattice" if self.axes is not None else f"{len(self.section_names)} section(s)"
        crs = "no CRS" if self.crs is None else pyproj.CRS(self.crs).name
        return f"<PropertyModel {self.name} [{self.unit}]: {len(self.values):,} values, {shape}, {crs}>"


def _same(a: Any, b: Any) -> bool:
    if a is None or b is None:
        return a is b
    return bool(pyproj.CRS(a).equals(pyproj.CRS(b), ignore_axis_order=True))
