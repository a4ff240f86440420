"""Logs as single JSON lines; no event and no query string ever goes into them."""

from __future__ import annotations

import logging

from aws_lambda_powertools import Logger
from aws_lambda_powertools.logging import utils


def logger(*others: str) -> Logger:
    """Return the function's logger, and let the package's own loggers write through it, and those of `others`."""
    main = Logger()
    names = {"candle_collector", *others}
    for name in names:
        logging.getLogger(name).setLevel(main.log_level)
    utils.copy_config_to_registered_loggers(source_logger=main, include=names)
    return main
