"""Files of the sample, written so that the same seed gives the same bytes."""

import csv
import io
import json
from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import shapely
from numpy.typing import NDArray
from pyproj import CRS, Transformer
from shapely.geometry import mapping
from shapely.geometry.base import BaseGeometry

from sxrisk.sample.frame import AS_OF, CRS_CODE, EAST_MIN, NORTH_MAX, SYNTHETIC_NOTE, VERTICAL_CODE
from sxrisk.sample.network import Road
from sxrisk.sample.scanner import StationScan
from sxrisk.sample.terrain import Terrain

__all__ = [
    "to_gcj02",
    "write_csv",
    "write_dem",
    "write_dxf",
    "write_geojson",
    "write_geopackage",
    "write_json",
    "write_laz",
    "write_shapefile",
]

Array = NDArray[np.float64]

_STAMP = AS_OF.strftime("%Y-%m-%dT00:00:00.000Z")
# byte 29 of a DBF header names the code page; 0x4D is GBK (936)
_DBF_LANGUAGE_BYTE = 29
_DBF_GBK = b"\x4d"
_SOFTWARE = "sxrisk.sample SYNTHETIC"


def write_json(path: Path, value: Any) -> Path:
    """Write JSON in UTF-8, two blanks of indent, LF."""
    path.parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps(value, ensure_ascii=False, indent=1, sort_keys=False)
    path.write_text(text + "\n", encoding="utf-8", newline="\n")
    return path


def write_dem(path: Path, terrain: Terrain) -> Path:
    """Write the elevation model: float32, 30 m, EPSG:4547, deflate; heights to 1/64 m so that they compress."""
    import rasterio
    from rasterio.transform import from_origin

    z = (np.round(terrain.z * 64.0) / 64.0).astype(np.float32)
    profile = {
        "driver": "GTiff",
        "height": z.shape[0],
        "width": z.shape[1],
        "count": 1,
        "dtype": "float32",
        "crs": CRS_CODE,
        "transform": from_origin(EAST_MIN, NORTH_MAX, terrain.cell_m, terrain.cell_m),
        "nodata": -9999.0,
        "compress": "deflate",
        "predictor": 3,
        "zlevel": 9,
        "tiled": True,
    }
    with rasterio.open(path, "w", **profile) as raster:
        raster.write(z, 1)
        raster.set_band_description(1, "elevation, m, 1985 height (synthetic)")
        raster.update_tags(
            SYNTHETIC="YES",
            TIFFTAG_SOFTWARE=_SOFTWARE,
            TIFFTAG_IMAGEDESCRIPTION=SYNTHETIC_NOTE,
            TIFFTAG_DATETIME=AS_OF.strftime("%Y:%m:%d 00:00:00"),
            VERTICAL_CRS=VERTICAL_CODE,
        )
    return path


def write_csv(path: Path, header: Sequence[str], rows: Sequence[Sequence[str]], encoding: str) -> Path:
    r"""Write a table with \r\n, as spreadsheets do."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\r\n")
    writer.writerow(header)
    writer.writerows(rows)
    path.write_bytes(buffer.getvalue().encode(encoding))
    return path


def _frame(columns: Mapping[str, Sequence[Any]], shapes: Sequence[BaseGeometry], crs: str) -> gpd.GeoDataFrame:
    frame = gpd.GeoDataFrame(dict(columns), geometry=list(shapes), crs=CRS_CODE)
    return frame if crs == CRS_CODE else frame.to_crs(crs)


def write_geopackage(
    path: Path, layer: str, columns: Mapping[str, Sequence[Any]], shapes: Sequence[BaseGeometry], crs: str
) -> Path:
    """Write one layer as GeoPackage in `crs`, with a fixed date and a description that says it is made up.

    Parameters
    ----------
    path : Path
        File, replaced if it is there.
    layer : str
        Table name.
    columns : mapping
        Attributes by header.
    shapes : sequence of geometry
        EPSG:4547.
    crs : str
        Coordinate system of the file.

    Returns
    -------
    Path
    """
    import pyogrio

    path.unlink(missing_ok=True)
    pyogrio.set_gdal_config_options({"OGR_CURRENT_DATE": _STAMP})
    try:
        pyogrio.write_dataframe(
            _frame(columns, shapes, crs),
            path,
            layer=layer,
            driver="GPKG",
            layer_options={"DESCRIPTION": SYNTHETIC_NOTE, "IDENTIFIER": f"{layer} (synthetic)"},
        )
    finally:
        pyogrio.set_gdal_config_options({"OGR_CURRENT_DATE": None})
    return path


def write_shapefile(path: Path, columns: Mapping[str, Sequence[Any]], shapes: Sequence[BaseGeometry], crs: str) -> Path:
    """Write a Shapefile as offices have them: attributes in GBK, no .cpg file, the code page in the DBF alone."""
    import pyogrio

    for part in path.parent.glob(f"{path.stem}.*"):
        part.unlink()
    pyogrio.write_dataframe(
        _frame(columns, shapes, crs),
        path,
        driver="ESRI Shapefile",
        encoding="CP936",
        layer_options={"DBF_DATE_LAST_UPDATE": AS_OF.strftime("%Y-%m-%d")},
    )
    path.with_suffix(".cpg").unlink(missing_ok=True)
    with path.with_suffix(".dbf").open("r+b") as table:
        table.seek(_DBF_LANGUAGE_BYTE)
        table.write(_DBF_GBK)
    return path


def to_gcj02(lonlat: Array) -> Array:
    """Longitude and latitude as Chinese web maps shift them (GCJ-02), shape (n, 2), degrees.

    References
    ----------
    The public approximation of the GCJ-02 offset (Krasovsky ellipsoid, series in sines).
    """
    x, y = lonlat[:, 0] - 105.0, lonlat[:, 1] - 35.0
    common = (20 * np.sin(6 * x * np.pi) + 20 * np.sin(2 * x * np.pi)) * 2 / 3
    d_lat = -100 + 2 * x + 3 * y + 0.2 * y * y + 0.1 * x * y + 0.2 * np.sqrt(np.abs(x)) + common
    d_lat += (20 * np.sin(y * np.pi) + 40 * np.sin(y / 3 * np.pi)) * 2 / 3
    d_lat += (160 * np.sin(y / 12 * np.pi) + 320 * np.sin(y * np.pi / 30)) * 2 / 3
    d_lon = 300 + x + 2 * y + 0.1 * x * x + 0.1 * x * y + 0.1 * np.sqrt(np.abs(x)) + common
    d_lon += (20 * np.sin(x * np.pi) + 40 * np.sin(x / 3 * np.pi)) * 2 / 3
    d_lon += (150 * np.sin(x / 12 * np.pi) + 300 * np.sin(x / 30 * np.pi)) * 2 / 3
    semi, flat = 6378245.0, 0.00669342162296594323
    lat = np.radians(lonlat[:, 1])
    magic = 1 - flat * np.sin(lat) ** 2
    d_lat = np.degrees(d_lat / (semi * (1 - flat) / magic**1.5))
    d_lon = np.degrees(d_lon / (semi / np.sqrt(magic) * np.cos(lat)))
    return np.column_stack([lonlat[:, 0] + d_lon, lonlat[:, 1] + d_lat])


def write_geojson(
    path: Path,
    columns: Mapping[str, Sequence[Any]],
    shapes: Sequence[BaseGeometry],
    *,
    gcj02: bool = False,
) -> Path:
    """Write GeoJSON in degrees with nine decimals (0.1 mm), EPSG:4490 or shifted to GCJ-02."""
    forward = Transformer.from_crs(CRS_CODE, "EPSG:4490", always_xy=True)

    def degrees(xy: Array) -> Array:
        lonlat = np.column_stack(forward.transform(xy[:, 0], xy[:, 1]))
        return to_gcj02(lonlat) if gcj02 else lonlat

    lines = []
    for k, shape in enumerate(shapes):
        properties = {name: values[k] for name, values in columns.items()}
        geometry = _rounded(mapping(shapely.transform(shape, degrees)))
        lines.append(
            json.dumps({"type": "Feature", "properties": properties, "geometry": geometry}, ensure_ascii=False)
        )
    head = f'{{"type": "FeatureCollection", "description": {json.dumps(SYNTHETIC_NOTE, ensure_ascii=False)},'
    text = head + '\n"features": [\n' + ",\n".join(lines) + "\n]}\n"
    path.write_text(text, encoding="utf-8", newline="\n")
    return path


def _rounded(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _rounded(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_rounded(item) for item in value]
    return round(float(value), 9) if isinstance(value, (float, np.floating)) else value


def write_dxf(path: Path, roads: Sequence[Road]) -> dict[str, str]:
    """Write roads as polylines on CAD layers named after their class, EPSG:4547 metres.

    Returns
    -------
    dict
        CAD handle by road number.
    """
    from ezdxf._options import options
    from ezdxf.filemanagement import new
    from ezdxf.units import M

    was = options.write_fixed_meta_data_for_testing
    options.write_fixed_meta_data_for_testing = True
    try:
        document = new("R2010", units=M)
        document.header.custom_vars.append("SYNTHETIC", SYNTHETIC_NOTE)
        colours = {"国道": 1, "省道": 30, "县道": 50, "乡道": 8}
        for name, colour in colours.items():
            document.layers.add(name, color=colour)
        space = document.modelspace()
        handles = {}
        for road in roads:
            entity = space.add_lwpolyline(
                [(float(x), float(y)) for x, y in road.line.coords], dxfattribs={"layer": road.road_class}
            )
            handles[road.number] = str(entity.dxf.handle)
        # the library writes classes in the order of a set, which changes from run to run
        for name in sorted(document.entitydb.dxf_types_in_use()):
            document.classes.add_class(name)
        document.saveas(path)
    finally:
        options.write_fixed_meta_data_for_testing = was
    return handles


def write_laz(path: Path, scan: StationScan, crs: str, when: date, site: str) -> Path:
    """Write one station as LAZ: LAS 1.4, format 6, scale 1 mm, no classes.

    Parameters
    ----------
    path : Path
        File.
    scan : StationScan
        Points and intensity.
    crs : str
        Compound coordinate system, horizontal and height.
    when : date
        Date of the epoch; stands as the file's creation date.
    site : str
        Name of the site.

    Returns
    -------
    Path
    """
    import laspy
    from laspy.vlrs.known import WktCoordinateSystemVlr

    header = laspy.LasHeader(point_format=6, version="1.4")
    header.scales = np.full(3, 0.001)
    header.offsets = np.floor(scan.station / 100.0) * 100.0
    header.system_identifier = "SYNTHETIC ray-cast scanner"
    header.generating_software = _SOFTWARE
    header.creation_date = when
    header.global_encoding.wkt = True
    header.vlrs.append(WktCoordinateSystemVlr(CRS.from_user_input(crs).to_wkt("WKT1_GDAL", output_axis_rule=True)))
    note = json.dumps(
        {"synthetic": True, "note": SYNTHETIC_NOTE, "site": site, "station": scan.number, "date": when.isoformat()},
        ensure_ascii=False,
    )
    header.vlrs.append(laspy.VLR("sxrisk", 1, "synthetic sample", note.encode("utf-8")))
    las = laspy.LasData(header)
    las.x, las.y, las.z = scan.xyz[:, 0], scan.xyz[:, 1], scan.xyz[:, 2]
    las.intensity = scan.intensity
    las.return_number = np.ones(len(scan.xyz), dtype=np.uint8)
    las.number_of_returns = np.ones(len(scan.xyz), dtype=np.uint8)
    las.point_source_id = np.full(len(scan.xyz), scan.number, dtype=np.uint16)
    path.parent.mkdir(parents=True, exist_ok=True)
    las.write(path, laz_backend=laspy.LazBackend.Lazrs)
    return path
