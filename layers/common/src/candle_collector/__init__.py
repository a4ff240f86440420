"""Collects hourly candles from an exchange into a table, exactly and only what is missing."""
