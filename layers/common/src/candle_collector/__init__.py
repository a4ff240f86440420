"""An archive of exchange candles: complete, exact, and it knows what it lacks."""

__version__ = "0.1.0"
