"""A worker process that works on nothing: it takes the steps that STAND_IN names, one life after the other.

``python -m tests.standalone.stand_in_worker`` takes what `standalone.worker_process` takes. STAND_IN is a folder: the
file `lives` has a line of steps for each life, separated by ``; ``, and `orders` gets the orders that were given.
"""

from __future__ import annotations

import argparse
import os
import signal
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path

from candle_collector.domain.run import Outcome, RunSeriesRecord
from candle_collector.ports import ReceivedMessage

from standalone.reports import Done, Outage, ReportedMetrics, Reporter, Sent, Taken, orders_from
from tests.hourly import hourly


def message(name: str) -> ReceivedMessage:
    return ReceivedMessage(name, f"body of {name}", f"receipt of {name}", 1)


def record(symbol: str) -> RunSeriesRecord:
    return RunSeriesRecord(
        "01J00000000000000000000000", hourly(symbol), outcome=Outcome.COMPLETE, records=7, requests=2
    )


def life_of(folder: Path) -> int:
    """Write down that a process begins, and return how many have begun before it."""
    life = 0
    while True:
        try:
            with (folder / f"begun-{life}").open("x") as begun:
                begun.write(str(os.getpid()))
        except FileExistsError:
            life += 1
        else:
            return life


def take(step: str, report: Reporter, obey: Callable[[], None]) -> None:
    name, _, of = step.partition(" ")
    steps: dict[str, Callable[[], None]] = {
        "take": lambda: report(Taken(message(of))),
        "do": lambda: report(Done(message(of))),
        "send": lambda: report(Sent()),
        "fail": lambda: report(Outage(of)),
        "recover": lambda: report(Outage(None)),
        "end": lambda: ReportedMetrics(report).symbol_ended(record(of)),
        "die": lambda: os.kill(os.getpid(), signal.SIGKILL),
        "obey": obey,
    }
    steps[name]()


def main() -> None:
    parser = argparse.ArgumentParser()
    for name in ("sources", "threads", "orders", "reports", "log-file"):
        parser.add_argument(f"--{name}")
    arguments = parser.parse_args()
    folder = Path(os.environ["STAND_IN"])

    def obey() -> None:
        with (folder / "orders").open("ab", buffering=0) as orders:
            for order in orders_from(int(arguments.orders)):
                orders.write(order)

    lives = (folder / "lives").read_text().splitlines()
    report = Reporter(Connection(int(arguments.reports), readable=False))
    for step in lives[min(life_of(folder), len(lives) - 1)].split("; "):
        take(step, report, obey)


if __name__ == "__main__":
    main()
