"""What a goaf looks like: its faces, pillars and levels, for every analysis that follows."""

from dataclasses import dataclass
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from sxrisk.surfaces import Mesh

__all__ = ["CrownPillar", "GoafFace", "GoafShape", "VolumeInterval"]


@dataclass(frozen=True)
class VolumeInterval:
    """Volume as an interval that is meant to hold the truth in 95 of 100 goafs.

    Parameters
    ----------
    low_m3, best_m3, high_m3 : float
        Cubic metres; the ends are NaN where nobody knows what of the mesh was seen.

    Examples
    --------
    >>> VolumeInterval(90.0, 100.0, 110.0).sigma_m3
    5.0
    """

    low_m3: float
    best_m3: float
    high_m3: float

    @property
    def sigma_m3(self) -> float:
        """1 sigma: the interval is four of them wide."""
        return (self.high_m3 - self.low_m3) / 4.0


@dataclass(frozen=True, eq=False)
class GoafFace:
    """One exposed face of rock.

    Parameters
    ----------
    id : str
        ``roof-1`` (the largest roof), ``wall-2``, ``floor-1``.
    kind : str
        ``roof``, ``wall`` or ``floor``.
    pillar_id : str
        The pillar that a wall belongs to; empty for the rock around the goaf.
    area_m2, area_sigma_m2 : float
        Exposed area, without the roughness of measuring noise, and its 1 sigma.
    perimeter_m : float
        Length of all its edges, those around pillars included.
    outer_perimeter_m : float
        Length of its outer edge alone.
    hydraulic_radius_m : float
        Area by `perimeter_m`: pillars hold the edges they stand at.
    hydraulic_radius_outer_m : float
        Area by `outer_perimeter_m`: as if the pillars held nothing.
    dip_deg, dip_sigma_deg : float
        Angle of the mean plane with the horizontal, 0 to 90.
    dip_direction_deg : float
        Where the plane falls to, degrees from grid north, clockwise; NaN where it is level.
    overhanging : bool
        Whether it looks down: roofs and hanging walls.
    span_m : float
        Largest clear span: over all places the largest of the shortest chords through a place. Roofs and floors in
        plan, walls in their own plane.
    inscribed_centre : (3,) float64
        Middle of the largest circle inside the face, in the coordinates of the mesh.
    inscribed_radius_m : float
        Its radius, in plan for roofs and floors, in their own plane for walls.
    height_m : float
        From its lowest to its highest place.
    measured_share : float
        Part of its area that was measured, not bridged; NaN where unknown.
    outline : shapely geometry
        In plan, in the coordinates of the mesh; pillars are holes.
    triangles : (k,) int64
        Rows of ``mesh.faces``.
    """

    id: str
    kind: str
    pillar_id: str
    area_m2: float
    area_sigma_m2: float
    perimeter_m: float
    outer_perimeter_m: float
    hydraulic_radius_m: float
    hydraulic_radius_outer_m: float
    dip_deg: float
    dip_sigma_deg: float
    dip_direction_deg: float
    overhanging: bool
    span_m: float
    inscribed_centre: NDArray[np.float64]
    inscribed_radius_m: float
    height_m: float
    measured_share: float
    outline: Any
    triangles: NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class CrownPillar:
    """Rock between the roof and what is above: the ground, or the level above.

    Parameters
    ----------
    thickness_m : xarray.DataArray
        (y, x), metres, upright from the roof to what is above; NaN where nothing is known.
    minimum_m, sigma_m : float
        Least thickness and its 1 sigma (NaN where what is above states none).
    place : (3,) float64
        Where on the roof it is least, in the coordinates of the mesh.
    above : str
        ``terrain``, or the name of the level above.
    ratio : float
        Least thickness by the largest span of the roof.
    ratio_sigma : float
        Its 1 sigma.
    covered_share : float
        Part of the roof in plan with something known above it.
    """

    thickness_m: xr.DataArray
    minimum_m: float
    sigma_m: float
    place: NDArray[np.float64]
    above: str
    ratio: float
    ratio_sigma: float
    covered_share: float


@dataclass(frozen=True, eq=False)
class GoafShape:
    """The measured shape of a goaf.

    Parameters
    ----------
    mesh : Mesh
        Watertight, normals into the rock; vertex field ``seen`` where known (1 measured, 0 bridged).
    crs : pyproj.CRS or None
        Horizontal system, metres.
    vertical_crs : pyproj.CRS or None
        Height system.
    volume : VolumeInterval
    sigma_m : float
        1 sigma of the place of a wall, metres; NaN where unknown.
    outline : shapely Polygon or MultiPolygon
        In plan; rock from floor to roof is a hole.
    faces : tuple of GoafFace
        Roofs, walls and floors, each kind from the largest down.
    pillars : GeoDataFrame
        Rock inside the outline: ``id`` (P1 is the largest), ``width_m`` and ``length_m`` (sides of the smallest
        rectangle around it), ``least_width_m`` (diameter of the largest circle inside), ``height_m`` (mean open height
        beside it), ``width_to_height``, ``plan_area_m2``, ``perimeter_m``, ``width_sigma_m``, ``bearing_deg`` of the
        long side, ``measured_share`` of its walls, ``roof_level_m``; polygons where rock stands from floor to roof.
    height_m, roof_level_m, floor_level_m : xarray.DataArray
        (y, x): open height, highest roof, lowest floor; metres, NaN outside.
    length_m, width_m : float
        Sides of the smallest rectangle around the outline.
    axis_deg : float
        Bearing of its long side, 0 to below 180 degrees from grid north.
    """

    mesh: Mesh
    crs: Any
    vertical_crs: Any
    volume: VolumeInterval
    sigma_m: float
    outline: Any
    faces: tuple[GoafFace, ...]
    pillars: gpd.GeoDataFrame
    height_m: xr.DataArray
    roof_level_m: xr.DataArray
    floor_level_m: xr.DataArray
    length_m: float
    width_m: float
    axis_deg: float

    @property
    def roofs(self) -> tuple[GoafFace, ...]:
        """Faces of kind roof, largest first."""
        return self._of("roof")

    @property
    def walls(self) -> tuple[GoafFace, ...]:
        """Faces of kind wall, those of pillars included, largest first."""
        return self._of("wall")

    @property
    def floors(self) -> tuple[GoafFace, ...]:
        """Faces of kind floor, largest first."""
        return self._of("floor")

    @property
    def span_m(self) -> float:
        """Largest clear span of a roof; NaN where there is no roof."""
        return max((face.span_m for face in self.roofs), default=float("nan"))

    def faces_table(self) -> pd.DataFrame:
        """The faces as a table: ``face`` (the id) and every figure of :class:`GoafFace`.

        Returns
        -------
        DataFrame
            Column names as :func:`sxrisk.sites.graph_faces` asks for them.
        """
        left_out = ("id", "outline", "triangles", "inscribed_centre")
        names = [name for name in GoafFace.__dataclass_fields__ if name not in left_out]
        rows = [
            {
                "face": face.id,
                **{name: getattr(face, name) for name in names},
                **dict(zip(("x_m", "y_m", "z_m"), face.inscribed_centre.tolist(), strict=True)),
            }
            for face in self.faces
        ]
        return pd.DataFrame(rows, columns=["face", *names, "x_m", "y_m", "z_m"])

    def _of(self, kind: str) -> tuple[GoafFace, ...]:
        return tuple(face for face in self.faces if face.kind == kind)

    def __repr__(self) -> str:
        return (
            f"<GoafShape: {self.volume.best_m3:,.1f} m3, {len(self.roofs)} roofs, {len(self.walls)} walls, "
            f"{len(self.pillars)} pillars, span {self.span_m:.2f} m>"
        )
