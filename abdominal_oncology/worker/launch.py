"""How a worker is started."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

_HOME = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Launch:
    """A program, its arguments, and what its environment has beside ours."""

    program: str
    arguments: tuple[str, ...]
    environment: Mapping[str, str]


def worker_launch(python: str = "") -> Launch:
    """``python`` is the interpreter; empty takes the running one, which in Slicer is not a Python.

    A panel gives ``shutil.which("PythonSlicer")``. The worker then finds this very package, wherever it is installed.
    """
    # numpy multiplies only small matrices here; its BLAS threads would wait in a loop on the cores that networks need
    calm = {"OPENBLAS_NUM_THREADS": os.environ.get("OPENBLAS_NUM_THREADS", "1")}
    paths = [str(_HOME), *filter(None, [os.environ.get("PYTHONPATH")])]
    return Launch(
        python or sys.executable,
        ("-P", "-X", "utf8", "-m", "abdominal_oncology.worker"),
        {"PYTHONPATH": os.pathsep.join(paths), "PYTHONUNBUFFERED": "1", **calm},
    )
