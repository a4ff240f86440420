"""Filling the archive: runs, their symbols and what becomes of them."""
