"""What must be settled before anything is imported: threads, and which doctests can run.

Doctests of the scene need slicer-core; where it is absent they are left out, as their tests are skipped.
"""

import os
from importlib.util import find_spec

if "PYTEST_XDIST_WORKER" in os.environ:
    # as many threads as there are cores for all workers together: with more, they mostly wait for each other
    _share = max(1, (os.cpu_count() or 1) // int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1")))
    for _name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        os.environ.setdefault(_name, str(_share))

collect_ignore_glob = [] if find_spec("slicer") else ["abdominal_oncology/scene/*", "*/Testing/Python/*"]
