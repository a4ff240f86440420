"""The candles function."""
