"""Measurements beside others and beside the least there is: `make bench`, docs/benchmarks.md."""
