"""PostGIS, read and written."""
