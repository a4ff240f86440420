"""The ranking of each day on which a run asked for it."""

from __future__ import annotations

import json
from collections.abc import Sequence

from sqlalchemy import select

from candle_collector.adapters.sql.database import Database
from candle_collector.adapters.sql.rows import insert_if_absent
from candle_collector.adapters.sql.schema import universes
from candle_collector.domain.universe import Ranked


class SqlUniverses:
    """The `UniverseStore` in a database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def put(self, day: str, ranked: Sequence[Ranked], *, run_id: str) -> None:
        """Write the day's ranking, if the day has none."""
        ranking = [{"symbol": item.listing.symbol, "quote_volume": str(item.quote_volume)} for item in ranked]
        row = {"day": day, "run_id": run_id, "body": json.dumps(ranking, ensure_ascii=False)}
        self._database.transact(lambda connection: insert_if_absent(connection, universes, row))

    def get(self, day: str) -> list[dict[str, str]] | None:
        """Read a day's ranking."""
        statement = select(universes.c.body).where(universes.c.day == day)
        body = self._database.query(lambda connection: connection.execute(statement).scalar())
        if body is None:
            return None
        ranking: list[dict[str, str]] = json.loads(body)
        return ranking
