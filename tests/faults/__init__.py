"""Longer tests of what can go wrong, on the local stack: `make faults`."""
