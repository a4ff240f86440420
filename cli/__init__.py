"""The command `candles`: for a person at a terminal."""
