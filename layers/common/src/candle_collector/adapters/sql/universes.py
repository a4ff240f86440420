"""The ranking of each day on which a run asked for it."""

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

    def put(self, day: str, ranking: Ranking, *, run_id: str) -> None:
        """Write the day's ranking, if the day has none."""
        row = {"day": day, "run_id": run_id, "body": json.dumps(ranking, ensure_ascii=False)}
        self._database.transact(lambda connection: insert_if_absent(connection, universes, row))

    def get(self, day: str) -> Ranking | None:
        """Read a day's ranking."""
        statement = select(universes.c.body).where(universes.c.day == day)
        body = self._database.query(lambda connection: connection.execute(statement).scalar())
        if body is None:
            return None
        ranking: Ranking = json.loads(body)
        return ranking

    def days(self) -> list[str]:
        """Read the days."""
        statement = select(universes.c.day).order_by(universes.c.day)
        return self._database.query(lambda connection: list(connection.execute(statement).scalars()))
