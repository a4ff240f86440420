"""The tables of the searches, on moto."""

from __future__ import annotations

from tests.integration.conftest import aws, tables

__all__ = ["aws", "tables"]
