"""A simulated Binance spot market: made or replayed hourly candles, real limits and errors, and faults on demand."""
