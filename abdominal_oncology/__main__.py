"""``python -m abdominal_oncology`` is the same as the ``abdominal-oncology`` command."""

from abdominal_oncology.cli import main

if __name__ == "__main__":
    raise SystemExit(main())
