"""Tests of the simulated exchange, without its process."""
