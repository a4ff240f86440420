"""The standalone runtime."""
