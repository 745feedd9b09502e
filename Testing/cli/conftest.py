"""What several commands are tried with."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of a network for phases: untrained, but a bundle in everything else."""
    torch = pytest.importorskip("torch")
    from abdominal_oncology.learning.bundle.facts import BundleFacts
    from abdominal_oncology.learning.bundle.write import write_bundle
    from abdominal_oncology.learning.networks import find_network
    from abdominal_oncology.phase.labels import Phase
    from abdominal_oncology.tasks import load_task

    load_task("phase")
    torch.manual_seed(0)
    facts = BundleFacts(
        "untrained-phases",
        "1.0.0",
        "phase",
        "efficientnet-b0",
        tuple(Phase),
        (1, 32, 32),
        "phantoms",
        preparation={"size": 32, "fraction": 1.0},
        temperature=2.0,
    )
    path = tmp_path_factory.mktemp("bundles") / "untrained-phases-1.0.0"
    write_bundle(path, find_network("phase", facts.network).build(len(Phase)), facts)
    return path
