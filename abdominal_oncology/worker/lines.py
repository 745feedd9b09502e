"""Lines out of bytes that arrive in any pieces."""

from __future__ import annotations

from collections.abc import Iterator


class LineBuffer:
    """
    >>> lines = LineBuffer()
    >>> list(lines.feed(b"one\\ntw")), list(lines.feed(b"o\\n")), lines.rest()
    ([b'one'], [b'two'], b'')
    """

    def __init__(self) -> None:
        self._pieces: list[bytes] = []

    def feed(self, data: bytes) -> Iterator[bytes]:
        """The lines that are now whole, without their ends."""
        *whole, last = data.split(b"\n")
        for line in whole:
            self._pieces.append(line)
            complete = b"".join(self._pieces)
            self._pieces.clear()
            yield complete.removesuffix(b"\r")
        if last:
            self._pieces.append(last)

    def rest(self) -> bytes:
        """What came after the last end of a line; the buffer is empty then."""
        left = b"".join(self._pieces)
        self._pieces.clear()
        return left
