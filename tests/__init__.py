"""Tests of the candle collector, in tiers: unit, integration (moto), template, e2e (the local stack), faults, bench."""
