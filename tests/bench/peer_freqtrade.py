"""freqtrade download-data into its own files; run by the bench environment's interpreter.

Takes the job as JSON on standard input, and says the seconds and the complete symbols as JSON. The seconds are those
of the whole command, as a person waits for it. `only_from_ccxt` keeps it from fetching the real Binance's archive.
"""

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import pandas as pd  # type: ignore[import-untyped,import-not-found,unused-ignore] # only in the bench environment

HOUR_MS = 3_600_000


def main() -> None:
    """Download, and say."""
    job = json.load(sys.stdin)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        config = folder / "config.json"
        config.write_text(json.dumps(_config(job)))
        freqtrade = [str(Path(sys.executable).with_name("freqtrade")), "download-data", "--config", str(config)]
        what = ["--timerange", job["days"], "--timeframes", "1h", "--pairs", *job["pairs"]]
        begun = time.monotonic()
        ended = subprocess.run(  # noqa: S603 - what was just put together
            [*freqtrade, "--userdir", name, "--datadir", name, *what], capture_output=True, text=True, check=False
        )
        seconds = time.monotonic() - begun
        complete = sum(_is_complete(folder, pair, job) for pair in job["pairs"])
    if ended.returncode:
        sys.stderr.write(ended.stderr)
    json.dump({"seconds": seconds, "complete": complete}, sys.stdout)


def _config(job: dict[str, Any]) -> dict[str, Any]:
    exchange = {
        "name": "binance",
        "only_from_ccxt": True,
        "pair_whitelist": job["pairs"],
        "ccxt_config": {
            "urls": {"api": {"public": f"{job['url']}/api/v3"}},
            "options": {"fetchMarkets": {"types": ["spot"]}},  # else futures' markets are asked for too
        },
    }
    return {
        "stake_currency": "USDT",
        "trading_mode": "spot",
        "dry_run": True,
        "exchange": exchange,
        "pairlists": [{"method": "StaticPairList"}],
    }


def _is_complete(folder: Path, pair: str, job: dict[str, Any]) -> bool:
    file = folder / f"{pair.replace('/', '_')}-1h.feather"
    if not file.is_file():
        return False
    times = pd.read_feather(file)["date"]
    start, end = (pd.Timestamp(job[name], unit="ms", tz="UTC") for name in ("start_ms", "end_ms"))
    return bool(times[(times >= start) & (times < end)].nunique() == (job["end_ms"] - job["start_ms"]) // HOUR_MS)


main()
