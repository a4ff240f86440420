"""The lease in DynamoDB: one item says which run may be active."""

from __future__ import annotations

from datetime import datetime

from candle_collector.adapters.dynamodb.item_table import ItemTable, translate_errors
from candle_collector.adapters.dynamodb.items import LeaseItem
from candle_collector.errors import CollectorError, StaleTurnError

_LEASE = "LEASE"


class LeaseTable:
    """The `LeaseStore` in the runs table."""

    def __init__(self, table: ItemTable) -> None:
        self._lease = table.model(LeaseItem)

    def take(self, run_id: str, *, now: datetime, expires: datetime) -> str | None:
        """Take the lease where nobody holds it, or its holder's time is over."""
        lease = self._lease(_LEASE, _LEASE, run_id=run_id, expires=expires)
        free = self._lease.pk.does_not_exist() | (self._lease.expires <= now) | (self._lease.run_id == run_id)
        for _ in range(3):
            try:
                with translate_errors():
                    lease.save(condition=free)
            except StaleTurnError:
                holder = self.holder(now)
                if holder is not None:
                    return holder
            else:
                return None
        raise CollectorError("the lease changed hands three times while it was requested; try again")

    def extend(self, run_id: str, expires: datetime) -> bool:
        """Move the lease's end."""
        try:
            with translate_errors():
                self._lease(_LEASE, _LEASE).update(
                    actions=[self._lease.expires.set(expires)], condition=self._lease.run_id == run_id
                )
        except StaleTurnError:
            return False
        return True

    def release(self, run_id: str) -> None:
        """Delete the lease, unless another run has it now."""
        try:
            with translate_errors():
                self._lease(_LEASE, _LEASE).delete(condition=self._lease.run_id == run_id)
        except StaleTurnError:
            return

    def holder(self, now: datetime) -> str | None:
        """Read the lease."""
        with translate_errors():
            for lease in self._lease.query(_LEASE, consistent_read=True):
                return lease.run_id if lease.expires > now else None
        return None
