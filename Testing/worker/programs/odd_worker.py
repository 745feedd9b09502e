"""A worker that also knows the odd jobs. ``--noisy`` prints before its first word, as a customised Python may."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from odd_jobs import find_odd

from abdominal_oncology.worker.process import main

if __name__ == "__main__":
    if "--noisy" in sys.argv:
        sys.stdout.write('welcome to this Python\n{"not": "a message"}\n')
        sys.stdout.flush()
    raise SystemExit(main(find_odd))
