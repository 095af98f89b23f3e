"""Vector files: what GDAL reads, KML, zip archives."""
