"""Binance's public REST API."""
