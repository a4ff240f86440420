"""The lease in DynamoDB: one item says which run may be active."""

from __future__ import annotations

from datetime import UTC, datetime

from candle_collector.adapters.dynamodb.item_table import ItemTable, translate_errors, write
from candle_collector.adapters.dynamodb.items import LeaseItem
from candle_collector.errors import CollectorError, StaleTurnError

LEASE = "LEASE"
NEVER = datetime(9999, 12, 31, tzinfo=UTC)
"""The end of an active run's lease: the run's end releases it, and no clock does."""


class LeaseTable:
    """The `LeaseStore` in the runs table."""

    def __init__(self, table: ItemTable) -> None:
        self._lease = table.model(LeaseItem)

    def take(self, run_id: str, *, now: datetime, expires: datetime) -> str | None:
        """Take the lease where nobody holds it, or its holder's time is over."""
        lease = self._lease(LEASE, LEASE, run_id=run_id, expires=expires)
        free = self._lease.pk.does_not_exist() | (self._lease.expires <= now) | (self._lease.run_id == run_id)
        for _ in range(3):
            try:
                write(lambda: lease.save(condition=free))
            except StaleTurnError:
                holder = self.holder(now)
                if holder is not None:
                    return holder
            else:
                return None
        raise CollectorError("the lease changed hands three times while it was requested; try again")

    def release(self, run_id: str, *, active: bool = False) -> None:
        """Delete the lease, unless another run has it now, or this one is active and that is not meant."""
        mine = self._lease.run_id == run_id
        condition = mine if active else mine & (self._lease.expires < NEVER)
        try:
            write(lambda: self._lease(LEASE, LEASE).delete(condition=condition))
        except StaleTurnError:
            return

    def holder(self, now: datetime) -> str | None:
        """Read the lease."""
        with translate_errors():
            for lease in self._lease.query(LEASE, consistent_read=True):
                return lease.run_id if lease.expires > now else None
        return None
