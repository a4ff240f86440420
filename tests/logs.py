"""What the functions write to their logs, as text: the handler of Powertools holds on to the stream it began with."""

from __future__ import annotations

import io
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TextIO

from aws_lambda_powertools.logging.formatter import LambdaPowertoolsFormatter
from candle_collector.observability import logger


@contextmanager
def written() -> Iterator[io.StringIO]:
    """Collect what is logged meanwhile, by the functions and by the package."""
    stream = io.StringIO()
    handlers = _handlers()
    before = [(handler, handler.setStream(stream)) for handler in handlers]
    try:
        yield stream
    finally:
        for handler, own in before:
            handler.setStream(own or handler.stream)


def _handlers() -> list[logging.StreamHandler[TextIO]]:
    """Return those of every logger of Powertools: one that was made before its service had a name is still in use."""
    made: list[Any] = [
        logger(),
        *(item for item in logging.root.manager.loggerDict.values() if isinstance(item, logging.Logger)),
    ]
    found = {handler: None for item in made for handler in item.handlers}  # each once, in order
    return [
        handler
        for handler in found
        if isinstance(handler, logging.StreamHandler) and isinstance(handler.formatter, LambdaPowertoolsFormatter)
    ]
