"""What a project names beside its layers: criteria, elevation model, scans; and the check of them before any work."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import xarray as xr

from sxrisk.assess.place import in_place
from sxrisk.assess.project import DemSource, Epoch, ProjectFile, ScanSource, Site
from sxrisk.errors import InputError, ProjectError

__all__ = ["check_before_work", "load_project_catalogue", "open_scans", "read_epoch", "read_project_dem"]


def load_project_catalogue(project: ProjectFile) -> Any:
    """The criteria with the project's values and overrides."""
    from sxrisk.rules import load_catalogue

    options = project.rules
    with in_place(project.path.name):
        return load_catalogue(options.files, values=options.values, overrides=options.overrides)


def read_project_dem(source: DemSource | None) -> xr.DataArray | None:
    """The elevation model of a project, None where it has none."""
    from sxrisk.layers import read_dem

    if source is None:
        return None
    with in_place("dem"):
        return read_dem(source.path, crs=source.crs, vertical_crs=source.vertical_crs)


def read_epoch(site: Site, epoch: Epoch) -> list[Any]:
    """The scans of one epoch, lazily read, with what the project file says of them.

    Returns
    -------
    list of Scan
    """
    from sxrisk.scans import read_scan

    return [
        read_scan(
            source.path,
            crs=site.crs,
            vertical_crs=site.vertical_crs,
            epoch=epoch.date,
            stations=None if source.station is None else [source.station],
            range_sigma_m=site.range_sigma_m,
        )
        for source in epoch.scans
    ]


def open_scans(project: ProjectFile) -> Iterator[tuple[str, Epoch, ScanSource, Any]]:
    """Site, epoch and source of every scan of the project, and the scan with its header read."""
    for key, site in project.sites.items():
        for epoch in site.epochs:
            with in_place(f"sites.{key}"):
                scans = read_epoch(site, epoch)
            yield from ((key, epoch, source, scan) for source, scan in zip(epoch.scans, scans, strict=True))


def check_before_work(project: ProjectFile) -> int:
    """Refuse at once what would else stop the run after hours: criteria, elevation model, parameters, scans' headers.

    Returns
    -------
    int
        Number of criteria.

    Raises
    ------
    InputError
        The one thing that cannot be used; a ProjectError with all of them where there are several.
    """
    from sxrisk.products.register_book import read_register_book
    from sxrisk.sites import check_parameters

    catalogue = load_project_catalogue(project)
    found: list[InputError] = []
    with _collected(found):
        read_project_dem(project.dem)
    for key, site in project.sites.items():
        with _collected(found), in_place(f"{project.path.name}: sites.{key}.parameters"):
            check_parameters(site.kind, site.parameters)
    if project.rectification is not None:
        with _collected(found), in_place(f"{project.path.name}: rectification"):
            read_register_book(project.rectification.path)
    for key, site in project.sites.items():
        for epoch in site.epochs:
            with _collected(found), in_place(f"sites.{key}"):
                read_epoch(site, epoch)
    if len(found) > 1:
        raise ProjectError(project.path, [error.problem for error in found])
    if found:
        raise found[0]
    return len(catalogue.rules)


@contextmanager
def _collected(found: list[InputError]) -> Iterator[None]:
    try:
        yield
    except InputError as error:
        found.append(error)
