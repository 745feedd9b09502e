"""``PythonSlicer -m abdominal_oncology.worker``: started by a client, not by people."""

from abdominal_oncology.worker.process import main

if __name__ == "__main__":
    raise SystemExit(main())
