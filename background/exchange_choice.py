"""Which exchange a local stack collects from: what EXCHANGE says, and the state folder that goes with it."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from candle_collector.settings import EXCHANGE_HOSTS

from background.http_status import OK, http_status
from background.progress import StackError

if TYPE_CHECKING:
    from collections.abc import Callable

BINANCE = f"https://{EXCHANGE_HOSTS[0]}"
BINANCE_ANSWERS_WITHIN_S = 3
ACCEPTED = "auto, binance, simulated, replay:FOLDER or http://127.0.0.1:PORT"


@dataclass(frozen=True)
class ExchangeChoice:
    """An exchange to collect from.

    Attributes
    ----------
    name
        How a person calls it, and how EXCHANGE asks for it again.
    folder
        The name of its state folder: candles of two exchanges never meet.
    url
        Its base URL; None where it is a process of the stack, whose port the stack decides.
    arguments
        Those of `python -m simulator`, where it is a process of the stack.
    """

    name: str
    folder: str
    url: str | None = None
    arguments: tuple[str, ...] = ()

    @property
    def is_ours(self) -> bool:
        """Whether the stack starts and stops it."""
        return self.url is None


SIMULATED = ExchangeChoice("simulated", "simulated", arguments=("--simulated",))


def choose(requested: str, binance_answers: Callable[[], bool], working_folder: Path) -> ExchangeChoice:
    """Make the choice that EXCHANGE asks for.

    Parameters
    ----------
    asked
        The value of EXCHANGE; `auto` is Binance where it answers, else the simulated exchange.
    binance_answers
        Asked for `auto` only.
    working_folder
        What a relative folder of a replay is relative to.

    Raises
    ------
    StackError
        It has none of the accepted forms, or the folder of the replay is not there or holds no candles.
    """
    if requested == "auto":
        return choose("binance" if binance_answers() else "simulated", binance_answers, working_folder)
    if requested == "binance":
        return ExchangeChoice("binance", "binance", url=BINANCE)
    if requested == "simulated":
        return SIMULATED
    if requested.startswith("replay:"):
        return _replay(requested.removeprefix("replay:"), working_folder)
    return _by_url(requested)


def _replay(folder: str, working_folder: Path) -> ExchangeChoice:
    path = (working_folder / Path(folder).expanduser()).resolve()
    if not folder or not path.is_dir():
        raise StackError(
            f"EXCHANGE=replay:{folder}: there is no folder {path}.",
            "name a folder of SYMBOL-INTERVAL-*.csv or .csv.gz files, such as BTCUSDT-1h-2025.csv.",
        )
    if not any(path.glob("*.csv*")):
        raise StackError(
            f"EXCHANGE=replay:{folder}: {path} holds no .csv or .csv.gz files.",
            "name a folder of candles in the format of Binance's archive, named SYMBOL-INTERVAL-YEAR.csv[.gz].",
        )
    # Two folders of the same name are two exchanges.
    reported_apart = hashlib.sha256(str(path).encode()).hexdigest()[:8]
    plain = re.sub(r"[^A-Za-z0-9._-]", "_", path.name)
    return ExchangeChoice(f"replay:{path}", f"replay-{plain}-{reported_apart}", arguments=("--replay", str(path)))


def _by_url(requested: str) -> ExchangeChoice:
    parts = urlsplit(requested)
    try:
        port = parts.port
    except ValueError:
        port = None
    at_home = parts.scheme == "http" and parts.hostname in ("127.0.0.1", "localhost")
    if not (at_home and port and parts.path in ("", "/") and not parts.query and parts.username is None):
        raise StackError(f"EXCHANGE={requested} is not understood.", f"it is one of {ACCEPTED}.")
    return ExchangeChoice(f"http://127.0.0.1:{port}", f"http-127.0.0.1-{port}", url=f"http://127.0.0.1:{port}")


def binance_answers() -> bool:
    """Return whether Binance's market data can be reached from here, within three seconds."""
    return http_status(f"{BINANCE}/api/v3/ping", within_s=BINANCE_ANSWERS_WITHIN_S) == OK
