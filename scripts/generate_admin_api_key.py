#!/usr/bin/env python3
"""Makes an API key and prints it once: `candles keys create` by a name that works before anything else does.

    python scripts/generate_admin_api_key.py
    python scripts/generate_admin_api_key.py --stack-name candle-collector-prod --name dashboard --scope read

Started with any Python 3, it goes on in the project's own.
"""

import os
import sys
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent
CANDLES = PROJECT / ".venv" / "bin" / "candles"

if __name__ == "__main__":
    if not CANDLES.exists():
        sys.exit(
            "The project is not set up yet. Run `make setup WITH=aws` (or `make up`, which starts the archive at home)."
        )
    os.chdir(PROJECT)
    os.execv(CANDLES, [str(CANDLES), "keys", "create", *sys.argv[1:]])  # noqa: S606 - the project's own command
