"""One module for each kind of point file that is written."""
