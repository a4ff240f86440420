"""What holds for all tests."""

from hypothesis import settings

# A machine that is busy must not fail a test: no test here judges by time.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")
