"""Doctests of the scene need slicer-core; where it is absent they are left out, as their tests are skipped."""

from importlib.util import find_spec

collect_ignore_glob = [] if find_spec("slicer") else ["abdominal_oncology/scene/*", "*/Testing/Python/*"]
