"""``sxrisk scan``: scans from files to surfaces, volumes and deformation."""

from sxrisk.cli.scan.app import scan_app

__all__ = ["scan_app"]
