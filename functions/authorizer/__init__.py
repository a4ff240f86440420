"""Checks the API key of every request."""
