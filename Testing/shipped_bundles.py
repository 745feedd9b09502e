"""The bundles that come with the extension, and what each of them must be."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

MODELS = Path(__file__).resolve().parents[1] / "Resources" / "Models"


def shipped(task: str) -> list[Path]:
    """Their folders."""
    return sorted(path for path in MODELS.glob(f"{task}-*") if path.is_dir())


def whole_bundle(folder: Path, task: str, names: Sequence[str], megabytes: float) -> Any:
    """Opens a shipped bundle, once it is seen to be whole, below ``megabytes``, and to say how it was made."""
    from abdominal_oncology.learning.bundle.card import make_card
    from abdominal_oncology.learning.bundle.layout import CARD
    from abdominal_oncology.learning.bundle.load import load_bundle
    from abdominal_oncology.learning.bundle.origin import Origin, origin_of
    from abdominal_oncology.learning.recipe import Recipe
    from abdominal_oncology.tasks import load_task

    load_task(task)
    bundle = load_bundle(folder, task=task)  # refuses a file that is not as it was written
    assert bundle.facts.name in names
    assert origin_of(bundle.facts.trained_on) is Origin.PHANTOMS  # what ships here has never seen a patient
    assert (folder / CARD).read_text(encoding="utf-8") == make_card(bundle.facts)
    assert sum(path.stat().st_size for path in folder.rglob("*")) < megabytes * 1_000_000
    Recipe.from_mapping(json.loads(json.dumps(dict(bundle.facts.training["recipe"]), default=dict)))
    return bundle
