"""Run by ``test_extension_install`` in a bare interpreter (``python -I -S``): imports an installed tree, nothing else.

``installed_tree.py TREE SITE_PACKAGES MODE``; MODE is ``modules`` (open their panels on the test desktop),
``panels`` (what opening a panel costs) or ``shared`` (import every submodule while optional packages are out of reach).
Prints JSON.
"""

from __future__ import annotations

import importlib
import json
import pkgutil
import sys
from importlib.abc import MetaPathFinder
from pathlib import Path

OPTIONAL = ("torch", "monai", "imagecodecs", "matplotlib", "safetensors", "PIL", "skimage", "sklearn", "psutil")
MODULES = ("PhaseClassifier", "LiverHCC", "RectalStaging")


class Absent(MetaPathFinder):
    """Makes optional packages look as in a fresh Slicer: not installed."""

    def find_spec(self, name: str, path: object = None, target: object = None) -> None:
        if name.split(".")[0] in OPTIONAL:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)


def shared(tree: Path) -> dict[str, object]:
    sys.meta_path.insert(0, Absent())
    package = importlib.import_module("abdominal_oncology")
    imported, failed = [], {}
    for found in pkgutil.walk_packages(package.__path__, "abdominal_oncology.", onerror=lambda name: None):
        if found.name.endswith("__main__"):
            continue
        try:
            module = importlib.import_module(found.name)
            assert Path(module.__file__).is_relative_to(tree), module.__file__
            imported.append(found.name)
        except ModuleNotFoundError as missing:
            failed[found.name] = str(missing.name)
    return {"imported": imported, "failed": failed, "file": package.__file__}


def modules(tree: Path) -> dict[str, object]:
    import abdominal_oncology  # the installed one; asserted by the caller

    sys.path.insert(0, str(Path(__file__).parents[1] / "desktop"))
    from slicer_desktop.desktop import Desktop

    with Desktop() as desktop:
        opened = {name: desktop.open(tree / f"{name}.py") for name in MODULES}
        resources = {name: panel.resourcePath(f"UI/{name}.ui") for name, panel in opened.items()}
        return {"resources": resources, "file": abdominal_oncology.__file__, "errors": desktop.journal.take()}


def panels(tree: Path) -> dict[str, object]:
    module = importlib.import_module("abdominal_oncology.panels")
    heavy = {"numpy", "scipy", "SimpleITK", "pydicom", "slicer", "vtk", *OPTIONAL}
    return {"file": module.__file__, "heavy": sorted(heavy & {name.split(".")[0] for name in sys.modules})}


if __name__ == "__main__":
    tree = Path(sys.argv[1])
    sys.path[:0] = [str(tree)]
    sys.path += sys.argv[2].split(":")
    answer = {"modules": modules, "panels": panels, "shared": shared}[sys.argv[3]](tree)
    sys.stdout.write(json.dumps(answer) + "\n")
