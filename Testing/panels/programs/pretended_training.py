"""Writes what a training writes, and ends ``well``, ``badly`` or, ``slow``, not by itself."""

from __future__ import annotations

import sys
import time
from pathlib import Path

from abdominal_oncology.learning.curves import Curves


def main(how: str, command: list[str]) -> int:
    say(" ".join(command))
    if how == "badly":
        say("no training side in the split")
        return 1
    if command[0] == "train":
        run = Path(command[command.index("--output") + 1]) / "run"
        run.mkdir(parents=True, exist_ok=True)
        with Curves(run, 0, tensorboard=False) as curves:
            for step in range(1, 4):
                curves.add(step, 0, {"loss": 1.0 - 0.2 * step, "accuracy": 0.3 * step})
                say(f"step {step}")
                time.sleep(60.0 if how == "slow" else 0.01)
    return 0


def say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1], sys.argv[2:]))
