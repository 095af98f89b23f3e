"""``sxrisk goaf``: from scans in the dark to what a goaf means."""

from sxrisk.cli.goaf.app import goaf_app

__all__ = ["goaf_app"]
