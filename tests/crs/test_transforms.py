"""One checked way between two systems, and nothing beside it."""

import ast
from pathlib import Path

import numpy as np
import pytest
import shapely
from pyproj import CRS

import sxrisk
from sxrisk.crs import geographic_transform, move_geometries, parse_crs, plan_transform, reproject_geometries
from sxrisk.errors import CRSError

# Rooms that may use PROJ's own transformers: crs checks them; sample knows its one system and plants errors on purpose.
OWN_TRANSFORMERS = ("crs", "sample")
# GDAL warps the rasters of the web map; the CRS has gone through parse_crs before.
WARPED_BY_GDAL = {"products/imagery.py"}


def calls(path: Path) -> set[str]:
    """What is called by attribute in a module, as ``owner.name`` and as ``.name``, and what is imported."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            found.add(f".{node.func.attr}")
            found.add(f"{ast.unparse(node.func.value).rpartition('.')[2]}.{node.func.attr}")
        if isinstance(node, ast.ImportFrom) and node.module in ("pyproj", "pyproj.transformer", "rasterio.warp"):
            found |= {f"{node.module}:{name.name}" for name in node.names}
    return found


def test_only_crs_makes_transformers() -> None:
    root = Path(sxrisk.__file__).parent
    guilty = {}
    for path in sorted(root.rglob("*.py")):
        name = path.relative_to(root).as_posix()
        if name.split("/")[0] in OWN_TRANSFORMERS:
            continue
        found = calls(path)
        bad = found & {"Transformer.from_crs", "Transformer.from_pipeline", "pyproj:Transformer", ".to_crs"}
        if name not in WARPED_BY_GDAL:
            bad |= {call for call in found if call.startswith("rasterio.warp:") or call == "rio.reproject"}
        if bad:
            guilty[name] = bad
    assert guilty == {}


def test_wgs84_and_cgcs2000_are_one_both_ways() -> None:
    x, y = plan_transform("EPSG:4326", "EPSG:4490")(np.array([112.5]), np.array([37.8]))
    assert (x[0], y[0]) == (112.5, 37.8)
    east, north = plan_transform("EPSG:4547", 32649)(np.array([500_000.0]), np.array([4_100_000.0]))
    lon, lat = geographic_transform(parse_crs(32649))(east, north)
    assert (lon[0], lat[0]) == pytest.approx((114.0, 37.031439), abs=1e-6)
    back = plan_transform(32649, "EPSG:4547")(east, north)
    assert np.hypot(back[0][0] - 500_000.0, back[1][0] - 4_100_000.0) < 1e-6
    lon, lat = plan_transform("GCJ-02", "EPSG:4490")(np.array([112.5]), np.array([37.8]))
    assert 400.0 < abs(lon[0] - 112.5) * 88_000 < 800.0


@pytest.mark.parametrize(
    ("source", "target", "text"),
    [
        ("EPSG:2414", "EPSG:4547", "legacy datum"),
        ("EPSG:4547", "EPSG:4610", "legacy datum"),
        ("EPSG:4490", "EPSG:4479", "is geocentric"),
        (CRS.from_proj4("+proj=longlat +ellps=bessel"), "EPSG:4490", "only a ballpark transform"),
        ("EPSG:4490", "GCJ-02", "nothing is transformed to gcj02"),
    ],
)
def test_what_cannot_be_placed_is_refused(source: str | CRS, target: str, text: str) -> None:
    with pytest.raises(CRSError, match=text):
        plan_transform(source, target)


def test_a_geocentric_system_is_no_place_in_degrees() -> None:
    with pytest.raises(CRSError, match=r"EPSG:4479 .* is geocentric: .*Have the coordinates converted"):
        parse_crs("EPSG:4479")


def test_geometries_move_with_their_vertices() -> None:
    box = shapely.box(112.0, 37.0, 112.1, 37.1)
    there = move_geometries(box, "EPSG:4490", "EPSG:4546")
    assert there.area == pytest.approx(8900.0 * 11_100.0, rel=0.01)
    assert move_geometries(there, "EPSG:4546", "EPSG:4326").equals_exact(box, 1e-10)


def test_a_polygon_that_crosses_itself_keeps_every_corner_when_it_is_densified() -> None:
    bow_tie = shapely.Polygon([(500_000, 4_100_000), (540_000, 4_130_000), (540_000, 4_100_000), (500_000, 4_130_000)])
    placed = reproject_geometries(np.array([bow_tie], dtype=object), CRS.from_epsg(4547))[0]
    corners = np.column_stack(
        plan_transform(CRS.from_epsg(4547), CRS.from_epsg(4490))(*np.array(bow_tie.exterior.coords).T)
    )
    placed_xy = shapely.get_coordinates(placed)
    assert len(placed_xy) > len(corners)
    for corner in corners:
        assert np.abs(placed_xy - corner).max(axis=1).min() < 1e-9
