"""The scans of the sample and their truth."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from sxrisk.sample.county import County
from sxrisk.sample.dump import scan_dump
from sxrisk.sample.frame import CRS_CODE, EPOCHS, SYNTHETIC_NOTE, VERTICAL_CODE
from sxrisk.sample.goaf import scan_goaf
from sxrisk.sample.pit import scan_pit
from sxrisk.sample.scanner import NOISE, StationScan
from sxrisk.sample.tailings import scan_pond
from sxrisk.sample.write import write_json, write_laz

__all__ = ["scan_sites", "stations_of", "write_scans"]

SITES = ("pit-01", "dump-01", "tailings-01", "goaf-01")


def scan_sites(
    county: County, density: float, tell: Callable[[str], None] = lambda _: None
) -> dict[str, tuple[list[list[StationScan]], dict[str, Any]]]:
    """Scan every site at its epochs.

    Parameters
    ----------
    county : County
        The county.
    density : float
        Share of the usual number of points.
    tell : callable
        Called before each site.

    Returns
    -------
    dict
        By site: scans by epoch and station, and the site's truth.
    """
    tell("scanning the open pit")
    pit = scan_pit(county.pit, county.seed, density)
    tell("scanning the waste dump")
    dump = scan_dump(county.dump, county.seed, density)
    tell("scanning the tailings pond")
    pond, pond_truth = scan_pond(county.ponds[0], county.seed, density)
    tell("scanning the goaf")
    goaf, goaf_truth = scan_goaf(county.goaf, county.seed, density)
    return {"pit-01": pit, "dump-01": dump, "tailings-01": ([pond], pond_truth), "goaf-01": ([goaf], goaf_truth)}


def file_name(site: str, epoch: int, station: int) -> str:
    """Name of a scan file: site, date, station."""
    return f"{site}_{EPOCHS[epoch].date().isoformat()}_s{station}.laz"


def write_scans(
    folder: Path, county: County, density: float, tell: Callable[[str], None]
) -> tuple[dict[str, Any], list[Path]]:
    """Write the scans and ``truth.json``.

    Parameters
    ----------
    folder : Path
        Gets the files.
    county : County
        The county.
    density : float
        Share of the usual number of points.
    tell : callable
        Called before each step.

    Returns
    -------
    stations : dict
        By site, by epoch: file names with stations, for the project file.
    written : list of Path
    """
    folder.mkdir(parents=True, exist_ok=True)
    stations: dict[str, Any] = {}
    truth: dict[str, Any] = {
        "synthetic": SYNTHETIC_NOTE,
        "seed": county.seed,
        "density": density,
        "crs": CRS_CODE,
        "vertical_crs": VERTICAL_CODE,
        "noise": NOISE,
        "sites": {},
    }
    written = []
    for site, (epochs, facts) in scan_sites(county, density, tell).items():
        stations[site] = []
        points = []
        for number, scans in enumerate(epochs):
            for scan in scans:
                path = folder / file_name(site, number, scan.number)
                when = EPOCHS[number].date()
                written.append(write_laz(path, scan, f"{CRS_CODE}+{VERTICAL_CODE[5:]}", when, site))
                points.append(len(scan.xyz))
            stations[site].append([(file_name(site, number, s.number), s.station.tolist()) for s in scans])
        truth["sites"][site] = {
            "epochs": [when.isoformat() for when in EPOCHS[: len(epochs)]],
            "points_by_file": points,
            **facts,
        }
    written.append(write_json(folder / "truth.json", truth))
    return stations, written


def stations_of(county: County) -> dict[str, Any]:
    """Stations and file names without keeping the scans: a very thin scan gives the same stations."""
    return {
        site: [
            [(file_name(site, number, scan.number), scan.station.tolist()) for scan in scans]
            for number, scans in enumerate(epochs)
        ]
        for site, (epochs, _) in scan_sites(county, 0.002).items()
    }
