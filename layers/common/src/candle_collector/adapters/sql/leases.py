"""The lease: which run may be active."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import NamedTuple

from sqlalchemy import Connection

from candle_collector.adapters.sql.database import Database
from candle_collector.adapters.sql.records import Record
from candle_collector.adapters.sql.rows import lock_state, read_state, write_state

NEVER = datetime(9999, 12, 31, tzinfo=UTC)
"""The end of an active run's lease: the run's end releases it, and no clock does."""

_NAME = "lease"


class Lease(NamedTuple):
    """Which run has it, and until when."""

    run_id: str
    expires: datetime


_LEASE = Record(Lease, "the lease")


class SqlLeases:
    """The `LeaseStore` in a database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def take(self, run_id: str, *, now: datetime, expires: datetime) -> str | None:
        """Take the lease where nobody holds it, or its holder's time is over."""

        def write(connection: Connection) -> str | None:
            lease = lock_lease(connection)
            if lease and lease.run_id != run_id and lease.expires > now:
                return lease.run_id
            write_lease(connection, Lease(run_id, expires))
            return None

        return self._database.transact(write)

    def release(self, run_id: str, *, active: bool = False) -> None:
        """Delete the lease, unless another run has it now, or this one is active and that is not meant."""

        def write(connection: Connection) -> None:
            lease = lock_lease(connection)
            if lease and lease.run_id == run_id and (active or lease.expires < NEVER):
                write_lease(connection, None)

        self._database.transact(write)

    def holder(self, now: datetime) -> str | None:
        """Read the lease."""
        lease = self._database.query(lambda connection: read_state(connection, _NAME, _LEASE))
        return lease.run_id if lease and lease.expires > now else None


def lock_lease(connection: Connection) -> Lease | None:
    """Read the lease, and let nobody else change it before the end of the transaction."""
    return lock_state(connection, _NAME, _LEASE)


def write_lease(connection: Connection, lease: Lease | None) -> None:
    """Write the lease that `lock_lease` has read in this transaction; None for nobody's."""
    write_state(connection, _NAME, _LEASE, lease)
