"""`python -m cli` is the command `candles`."""

import sys

from cli.main import main

if __name__ == "__main__":
    sys.exit(main())
