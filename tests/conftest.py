"""What holds for all tests."""

import os

from hypothesis import settings

# The functions make their metrics when they are first imported, whichever test that is; on AWS the template names it.
os.environ.setdefault("POWERTOOLS_METRICS_NAMESPACE", "CandleCollector")

# A machine that is busy must not fail a test: no test here judges by time.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")
