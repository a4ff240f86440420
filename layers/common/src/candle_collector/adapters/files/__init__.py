"""Candles in files: found in folders, known by name, read as text or Parquet, checked as the exchange's answers are."""
