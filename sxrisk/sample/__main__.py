"""Make the sample: ``python -m sxrisk.sample [--out DIR] [--seed N] [--part layers|scans|all]``."""

import argparse
import logging
import sys

from sxrisk.errors import SxriskError
from sxrisk.sample.build import make_sample
from sxrisk.sample.frame import SEED


def main(arguments: list[str] | None = None) -> int:
    """Run; the exit code is 0 when done, 2 when an argument or the folder is at fault."""
    parser = argparse.ArgumentParser(prog="python -m sxrisk.sample", description="Make the synthetic sample county.")
    parser.add_argument("--out", default=".", help="folder that gets sample_data/, scans/ and county.toml")
    parser.add_argument("--seed", type=int, default=SEED, help="the same seed gives the same bytes")
    parser.add_argument("--part", choices=("layers", "scans", "all"), default="all")
    parser.add_argument("--density", type=float, default=1.0, help="share of the usual number of scan points")
    options = parser.parse_args(arguments)
    # a handler of our own: the root logger would let the chatter of file libraries through
    log = logging.getLogger("sxrisk.sample")
    log.setLevel(logging.INFO)
    log.addHandler(logging.StreamHandler(sys.stderr))
    log.propagate = False
    try:
        files = make_sample(
            options.out, seed=options.seed, part=options.part, density=options.density, progress=log.info
        )
    except SxriskError as error:
        log.error("%s", error)
        return error.exit_code
    log.info("%d files, %.1f MB", len(files), sum(path.stat().st_size for path in files) / 1e6)
    return 0


if __name__ == "__main__":
    sys.exit(main())
