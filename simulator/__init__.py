"""A simulated Binance spot market: made or replayed candles, real limits and errors, and faults on demand."""
