"""Tests of the template tier."""
