"""A worker of another version, or none at all: says the line it is given and waits for the end."""

from __future__ import annotations

import sys

if __name__ == "__main__":
    sys.stdout.write(f"{sys.argv[1]}\n")
    sys.stdout.flush()
    sys.stdin.read()
