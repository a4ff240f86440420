"""What the functions write to their logs, as text: the handler of Powertools holds on to the stream it began with."""

from __future__ import annotations

import io
import logging
from collections.abc import Iterator
from contextlib import contextmanager

from candle_collector.observability import logger


@contextmanager
def written() -> Iterator[io.StringIO]:
    """Collect what is logged meanwhile, by the functions and by the package."""
    stream = io.StringIO()
    handlers = [handler for handler in logger().handlers if isinstance(handler, logging.StreamHandler)]
    before = [(handler, handler.setStream(stream)) for handler in handlers]
    try:
        yield stream
    finally:
        for handler, own in before:
            handler.setStream(own or handler.stream)
