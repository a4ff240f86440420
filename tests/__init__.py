"""Tests of the candle collector, in tiers: unit, integration (moto), template, e2e (whole stacks), faults, bench."""
