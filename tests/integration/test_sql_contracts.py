"""The stores in SQLite and PostgreSQL keep the promises of their ports."""

from tests.integration.sql_contracts import (
    TestSqlCandles,
    TestSqlFailedStarts,
    TestSqlKeys,
    TestSqlLeases,
    TestSqlListings,
    TestSqlMarketCache,
    TestSqlQueue,
    TestSqlRateLimiter,
    TestSqlRuns,
    TestSqlSeries,
    TestSqlUniverses,
    begun,
)

__all__ = [
    "TestSqlCandles",
    "TestSqlFailedStarts",
    "TestSqlKeys",
    "TestSqlLeases",
    "TestSqlListings",
    "TestSqlMarketCache",
    "TestSqlQueue",
    "TestSqlRateLimiter",
    "TestSqlRuns",
    "TestSqlSeries",
    "TestSqlUniverses",
    "begun",
]
