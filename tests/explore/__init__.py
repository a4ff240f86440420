"""Searches over the life of runs: every pair of processes at every step, and every lost reply."""
