"""The synthetic sample: a made-up county, its hazards and its laser scans, with the truth behind them."""

from typing import TYPE_CHECKING, Any

from sxrisk.sample.shipped import sample_project

if TYPE_CHECKING:
    from sxrisk.sample.build import make_sample

__all__ = ["make_sample", "sample_project"]


def __getattr__(name: str) -> Any:
    # The generator needs numba and GDAL; naming the shipped sample does not.
    if name == "make_sample":
        from sxrisk.sample.build import make_sample

        return make_sample
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
