"""``python -m sxrisk`` is the command ``sxrisk``."""

import sys

from sxrisk.cli import main

if __name__ == "__main__":
    sys.exit(main())
