"""The worker's log: one JSON object a line on its standard error, between whatever libraries write there."""

from __future__ import annotations

import json
import logging
import sys
import time
from dataclasses import dataclass

LOGGER = logging.getLogger("abdominal_oncology.worker")

_START = '{"level": '


@dataclass(frozen=True)
class LogLine:
    """``level`` is ``debug``, ``info``, ``warning`` or ``error``, and ``output`` for what was written past the log.

    ``time`` counts seconds since 1970.
    """

    level: str
    text: str
    time: float

    def __str__(self) -> str:
        clock = time.strftime("%H:%M:%S", time.localtime(self.time))
        return f"{clock} {'' if self.level in ('info', 'output') else f'{self.level}: '}{self.text}"


class _AsJson(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        text = super().format(record)
        return json.dumps({"level": record.levelname.lower(), "text": text, "time": round(record.created, 3)})


def log_to_stderr() -> None:
    """What the package tells, and the warnings of all others."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_AsJson("%(message)s"))
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    LOGGER.setLevel(logging.INFO)
    logging.captureWarnings(capture=True)


def parse(line: bytes) -> LogLine:
    """
    >>> parse(b'{"level": "info", "text": "hello", "time": 1.5}')
    LogLine(level='info', text='hello', time=1.5)
    >>> parse(b"Segmentation fault").level
    'output'
    """
    text = line.decode("utf-8", "replace")
    if text.startswith(_START):
        try:
            table = json.loads(text)
            return LogLine(str(table["level"]), str(table["text"]), float(table["time"]))
        except (ValueError, KeyError, TypeError):  # a library's own JSON
            pass
    return LogLine("output", text, time.time())
