"""A small pelvis in the scene, what somebody drew on it, and a tiny untrained bundle that answers in no time."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from panel_tools import PumpedInProcess, find_quick

from abdominal_oncology.imaging.anatomy import find
from abdominal_oncology.imaging.geometry import Vector
from abdominal_oncology.imaging.image import Image, Modality
from abdominal_oncology.worker.jobs.request import JobContext, JobRequest, JobResult, Work

_SIZE, _DEPTH, _LOUDNESS = 32, 8, 60.0


@dataclass(frozen=True)
class RectalPatient:
    """``masks`` are tumour and rectum; ``centre_mm`` the tumour's middle (LPS)."""

    t2: Image
    masks: dict[str, Image]
    centre_mm: Vector

    @classmethod
    def make(cls) -> RectalPatient:
        from abdominal_oncology.rectal.phantom import rectal_phantom

        made = rectal_phantom(1, stage="T3", matrix=112, slices=14, spacing_mm=(3.5, 1.7, 1.7), difficulty=0.0)
        t2 = made.images["t2"]
        drawn = {
            "tumour": made.labels["t2"].voxels == find("tumour").number,
            "rectum": made.labels["rectum"].voxels > 0,
        }
        masks = {role: Image(mask.astype(np.uint8), t2.geometry, Modality.MASK) for role, mask in drawn.items()}
        x, y, z = (float(each) for each in t2.geometry.to_world(np.argwhere(drawn["tumour"]).mean(axis=0)))
        return cls(t2, masks, (x, y, z))

    def put(self, name: str = "T2 axial") -> Any:
        from abdominal_oncology.scene.volumes import volume_node_from_image

        return volume_node_from_image(self.t2, name)

    def draw(self, volume: Any) -> Any:
        """Tumour and rectum as segments."""
        from abdominal_oncology.scene.segmentations import segmentation_node_from_masks

        return segmentation_node_from_masks(self.masks, "drawn", beside=volume)

    def install(self, folders: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Any:
        """A store with one bundle, in place of what is installed on this machine."""
        from abdominal_oncology.learning.bundle.store import Store

        store = Store(_bundles(folders))
        monkeypatch.setattr("abdominal_oncology.learning.bundle.store.installed_store", lambda: store)
        # an export to ONNX takes longer than this network
        monkeypatch.setattr("abdominal_oncology.learning.runtime_choice.find_spec", lambda name: None)
        return store


class Remembering(PumpedInProcess):
    """A worker in this process that answers a question about the rectum once and remembers what it said."""

    def __init__(self, answers: dict[str, JobResult]) -> None:
        def find_remembering(name: str) -> Work:
            def answer(request: JobRequest, context: JobContext) -> JobResult:
                grids = {key: str(reader.geometry) for key, reader in request.images.items()}
                asked = json.dumps([name, request.settings, grids])
                if asked not in answers:
                    answers[asked] = find_quick(name)(request, context)
                return answers[asked]

            return answer if name.startswith("rectal") else find_quick(name)

        super().__init__(find_remembering)


def _bundles(folders: pytest.TempPathFactory) -> Path:
    """A folder with the bundle, made once in a session."""
    known = folders.getbasetemp() / "rectal-bundles"
    if not known.exists():
        import torch

        from abdominal_oncology.learning.bundle.facts import BundleFacts
        from abdominal_oncology.learning.bundle.write import write_bundle
        from abdominal_oncology.learning.metrics import Predictions
        from abdominal_oncology.learning.networks import find_network
        from abdominal_oncology.rectal import networks  # noqa: F401  importing registers them
        from abdominal_oncology.rectal.operating import operating_table

        chances = np.concatenate([np.linspace(0.05, 0.7, 20), np.linspace(0.3, 0.95, 20)])
        held_out = Predictions(
            np.column_stack([1 - chances, chances]), [0] * 20 + [1] * 20, [str(n) for n in range(40)], ("T2", "T3")
        )
        facts = BundleFacts(
            "rectal-untrained",
            "1.0.0",
            "rectal",
            "f-rmc5",
            ("T2", "T3"),
            (2, _DEPTH, _SIZE, _SIZE),
            "phantoms",
            {"aggregation": "bilinear", "filters": 4},
            {"size": _SIZE, "depth": _DEPTH},
            operating_table(held_out),
        )
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(3)
            network: Any = find_network("rectal", facts.network).build(2, **facts.network_options).train()
            with torch.no_grad():
                for _ in range(3):  # norms that have seen something, and a loud last layer: answers move
                    network.encoder(torch.rand(2, 1, *facts.input_shape[1:]))
                network.head.weight.mul_(_LOUDNESS)
        write_bundle(known / "rectal-untrained-1.0.0", network.eval(), facts)
    return known
