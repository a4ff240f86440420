"""Reading the archive: candles, coverage, runs and the state of the whole."""
