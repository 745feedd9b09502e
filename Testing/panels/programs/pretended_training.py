"""Writes what a training writes, and ends ``well``, ``badly`` or, ``slow``, not by itself."""

from __future__ import annotations

import sys
import time
from pathlib import Path

from abdominal_oncology.learning.curves import Curves

how, command = sys.argv[1], sys.argv[2:]
sys.stdout.write(f"{' '.join(command)}\n")
sys.stdout.flush()
if how == "badly":
    sys.stdout.write("no training side in the split\n")
    raise SystemExit(1)
if command[0] == "train":
    run = Path(command[command.index("--output") + 1]) / "run"
    run.mkdir(parents=True, exist_ok=True)
    with Curves(run, 0, tensorboard=False) as curves:
        for step in range(1, 4):
            curves.add(step, 0, {"loss": 1.0 - 0.2 * step, "accuracy": 0.3 * step})
            sys.stdout.write(f"step {step}\n")
            sys.stdout.flush()
            time.sleep(60.0 if how == "slow" else 0.01)
