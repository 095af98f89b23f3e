"""What ``sxrisk scan`` does to files: each job reads its inputs, writes its output whole, and returns figures.

Every job is a module-level function ``job(inputs, output, **options) -> figures``; :class:`FileJob` makes it a job of
:func:`sxrisk.assess.scan_batch.run_batch`, for many files, in processes or on a Dask cluster.

Examples
--------
>>> import tempfile
>>> from pathlib import Path
>>> import numpy as np
>>> import sxrisk as sx
>>> from sxrisk.assess.scan_jobs import thin_file
>>> folder = Path(tempfile.mkdtemp())
>>> xy = np.stack(np.meshgrid(np.arange(50) * 0.1, np.arange(50) * 0.1), axis=-1).reshape(-1, 2)
>>> source = sx.write_scan(sx.Scan(np.column_stack([xy, np.zeros(2500)])), folder / "dense.laz")
>>> thin_file((source,), folder / "thin.laz", voxel_m=0.5)
{'points': 2500, 'kept': 100}
"""

from sxrisk.assess.scan_jobs.convert import convert_file, thin_file
from sxrisk.assess.scan_jobs.epochs import bodies_file, change_folder
from sxrisk.assess.scan_jobs.filters import clean_file, ground_file
from sxrisk.assess.scan_jobs.motion import register_file, register_stations_file
from sxrisk.assess.scan_jobs.opening import MESH_ENDINGS, POINT_ENDINGS, FileJob, Reading, is_mesh, planned_outputs
from sxrisk.assess.scan_jobs.series import SERIES_ENDINGS, series_file
from sxrisk.assess.scan_jobs.surfaces import grid_file, mesh_file
from sxrisk.assess.scan_jobs.view import view_file
from sxrisk.assess.scan_jobs.volume import volume_file

__all__ = [
    "MESH_ENDINGS",
    "POINT_ENDINGS",
    "SERIES_ENDINGS",
    "FileJob",
    "Reading",
    "bodies_file",
    "change_folder",
    "clean_file",
    "convert_file",
    "grid_file",
    "ground_file",
    "is_mesh",
    "mesh_file",
    "planned_outputs",
    "register_file",
    "register_stations_file",
    "series_file",
    "thin_file",
    "view_file",
    "volume_file",
]
