"""The rankings of each day on which a run asked for them."""

from __future__ import annotations

import json

from sqlalchemy import select

from candle_collector.adapters.sql.database import Database
from candle_collector.adapters.sql.rows import insert_if_absent
from candle_collector.adapters.sql.schema import universes
from candle_collector.domain.universe import Ranking


class SqlUniverses:
    """The `UniverseStore` in a database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def put(self, day: str, quote_asset: str, ranking: Ranking, *, run_id: str) -> None:
        """Write a ranking of the day, if the day has none in this quote asset."""
        body = json.dumps(ranking, ensure_ascii=False)
        row = {"day": day, "quote_asset": quote_asset, "run_id": run_id, "body": body}
        self._database.transact(lambda connection: insert_if_absent(connection, universes, row))

    def get(self, day: str) -> dict[str, Ranking]:
        """Read a day's rankings."""
        statement = select(universes.c.quote_asset, universes.c.body).where(universes.c.day == day)
        rows = self._database.query(lambda connection: connection.execute(statement).all())
        return {quote_asset: json.loads(body) for quote_asset, body in sorted(tuple(row) for row in rows)}

    def days(self) -> list[str]:
        """Read the days."""
        statement = select(universes.c.day).distinct().order_by(universes.c.day)
        return self._database.query(lambda connection: list(connection.execute(statement).scalars()))
