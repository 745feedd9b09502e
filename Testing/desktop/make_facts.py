"""Write ``slicer_desktop/facts.json``: what the desktop stand-in needs of the API facts of Slicer's and CTK's classes.

The facts (``slicer_widgets.json``, kept beside the checkout) are Qt metaobject facts that moc read from the headers.
After a class was added to ``CLASSES``: ``python Testing/desktop/make_facts.py ../shared/slicer/slicer_widgets.json``.
"""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

CLASSES = (
    # CTK: what a panel is built of
    *("ctkCheckBox", "ctkCheckableComboBox", "ctkCollapsibleButton", "ctkCollapsibleGroupBox", "ctkComboBox"),
    *("ctkCoordinatesWidget", "ctkDirectoryButton", "ctkDoubleRangeSlider", "ctkDoubleSlider", "ctkDoubleSpinBox"),
    *("ctkExpandButton", "ctkFittedTextBrowser", "ctkMenuButton", "ctkMessageBox", "ctkPathLineEdit", "ctkPushButton"),
    *("ctkRangeSlider", "ctkRangeWidget", "ctkSearchBox", "ctkSliderWidget"),
    # Slicer: widgets that show or choose nodes
    *("qMRMLCheckableNodeComboBox", "qMRMLMarkupsROIWidget", "qMRMLNodeComboBox", "qMRMLPlotView", "qMRMLPlotWidget"),
    *("qMRMLRangeWidget", "qMRMLSegmentEditorWidget", "qMRMLSegmentSelectorWidget", "qMRMLSegmentationShow3DButton"),
    *("qMRMLSegmentsTableView", "qMRMLSliderWidget", "qMRMLSpinBox", "qMRMLSubjectHierarchyComboBox"),
    *("qMRMLSubjectHierarchyModel", "qMRMLSubjectHierarchyTreeView", "qMRMLTableView", "qMRMLTableWidget"),
    *("qMRMLWidget", "qSlicerCLIProgressBar", "qSlicerMarkupsPlaceWidget", "qSlicerSimpleMarkupsWidget"),
    # Slicer: the views
    *("qMRMLSliceControllerWidget", "qMRMLSliceView", "qMRMLSliceWidget", "qMRMLThreeDView", "qMRMLThreeDWidget"),
    # Slicer: the application around a panel
    *("qSlicerApplication", "qSlicerIOManager", "qSlicerLayoutManager", "qSlicerMainWindow", "qSlicerModuleManager"),
    *("qSlicerModuleFactoryManager", "qSlicerModuleSelectorToolBar", "qSlicerScriptedLoadableModule"),
    *("qSlicerScriptedLoadableModuleWidget",),
)
KEPT = ("python", "bases", "designer_plugin", "python_constructor")
TARGET = Path(__file__).with_name("slicer_desktop") / "facts.json"


def extract(facts: Mapping[str, Any], sha256: str) -> dict[str, Any]:
    """The classes of ``CLASSES`` and their bases, bases first, without what Python cannot reach."""
    meta = facts["_meta"]
    head = {key: meta[key] for key in ("what", "slicer_commit", "ctk_commit", "parser")}
    head |= {"source": "slicer_widgets.json", "source_sha256": sha256, "made_by": "Testing/desktop/make_facts.py"}
    return {"_meta": head} | {name: _class(facts[name]) for name in _with_bases(CLASSES, facts)}


def _with_bases(names: Iterable[str], facts: Mapping[str, Any]) -> dict[str, None]:
    found: dict[str, None] = {}
    for name in sorted(names):
        if name in facts:
            found |= _with_bases(facts[name]["bases"], facts) | {name: None}
    return found


def _class(entry: Mapping[str, Any]) -> dict[str, Any]:
    kept = {key: entry[key] for key in KEPT}
    kept["properties"] = [
        {key: each[key] for key in ("name", "type", "read", "write", "notify") if key in each}
        for each in entry["properties"]
    ]
    kept["signals"] = [each["signature"] for each in entry["signals"]]
    kept["methods"] = [_method(each) for each in (*entry["public_slots"], *entry["invokables"])]
    kept["decorators"] = [_method(each) | {"kind": each["kind"]} for each in entry.get("decorators", ())]
    kept["enums"] = {
        name: {key: each[key] for key in ("values", "flags_of", "scoped") if each.get(key)}
        for name, each in entry["enums"].items()
    }
    return kept


def _method(entry: Mapping[str, Any]) -> dict[str, str]:
    return {key: entry[key] for key in ("signature", "returns") if key in entry}


def as_text(extracted: Mapping[str, Any]) -> str:
    """One line a class, so that a change of one class is a change of one line."""
    lines = (f"{json.dumps(name)}: {json.dumps(entry, separators=(',', ':'))}" for name, entry in extracted.items())
    return "{\n" + ",\n".join(lines) + "\n}\n"


def facts_text(source: Path) -> str:
    """What ``facts.json`` holds when it is made from ``source``."""
    data = source.read_bytes()
    return as_text(extract(json.loads(data), hashlib.sha256(data).hexdigest()))


if __name__ == "__main__":
    TARGET.write_text(facts_text(Path(sys.argv[1])), encoding="utf-8")
