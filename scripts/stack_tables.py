"""Opens the tables of the local stack or a deployed one, for the programs in this folder."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from generate_admin_api_key import aim_at, outputs_of

if TYPE_CHECKING:
    from candle_collector.bootstrap import Container


def open_tables(asked: argparse.Namespace) -> Container:
    """Return the adapters on the tables of the stack that the command line means.

    Raises
    ------
    SystemExit
        The stack does not answer, or is none of ours.
    """
    stack_name = aim_at(asked)
    # Imported here: the project's environment has them, the Python that starts a program may not.
    from candle_collector.bootstrap import Container  # noqa: PLC0415 - see above
    from candle_collector.settings import Settings  # noqa: PLC0415 - see above

    candles, runs = outputs_of(stack_name, "CandlesTableName", "RunsTableName")
    return Container(Settings({"CANDLES_TABLE": candles, "RUNS_TABLE": runs}))
