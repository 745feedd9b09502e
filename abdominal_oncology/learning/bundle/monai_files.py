"""The two configuration files that make a bundle one that MONAI's own tools take."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from abdominal_oncology import __version__
from abdominal_oncology.errors import MissingDependencyError
from abdominal_oncology.learning.bundle.facts import BundleFacts
from abdominal_oncology.learning.bundle.facts_json import facts_to_table
from abdominal_oncology.learning.bundle.layout import FORMAT, OWN_KEY, WEIGHTS

_SCHEMA = "https://project-monai.github.io/schema/meta_schema_20240725.json"
_NETWORK = "abdominal_oncology.learning.bundle.monai_network"


def metadata(facts: BundleFacts) -> dict[str, Any]:
    """``configs/metadata.json``: every key that MONAI's specification demands, and the facts under our own."""
    return {
        "schema": _SCHEMA,
        "version": facts.version,
        "changelog": {facts.version: "first written"},
        "monai_version": _installed("monai"),
        "pytorch_version": _installed("torch").split("+")[0],
        "numpy_version": _installed("numpy"),
        "required_packages_version": {"abdominal-oncology": __version__, "safetensors": _installed("safetensors")},
        "optional_packages_version": {"onnxruntime": "1.20", "pytorch-ignite": "0.4.11"},
        "name": facts.name,
        "task": f"{facts.task}: {', '.join(facts.classes)}",
        "description": facts.intended_use or f"Tells {', '.join(facts.classes)} apart with the network {facts.network}",
        "authors": facts.authors or "AbdominalOncology contributors",
        "copyright": f"Copyright (c) {facts.authors or 'AbdominalOncology contributors'}",
        "data_source": facts.trained_on,
        "eval_metrics": facts_to_table(facts)["results"],
        "intended_use": facts.intended_use or "research only",
        "references": list(facts.references),
        "network_data_format": {
            "inputs": {"image": _tensor("image", "magnitude", facts.input_shape, _channels(facts.input_shape[0]))},
            "outputs": {
                "pred": _tensor(
                    "series", "classes", (len(facts.classes),), [f"logit of {name}" for name in facts.classes]
                )
            },
            "post_processed_outputs": {
                "pred": _tensor("probabilities", "classes", (len(facts.classes),), facts.classes, (0, 1))
            },
        },
        OWN_KEY: {"format": FORMAT, "facts": facts_to_table(facts)},
    }


def inference(facts: BundleFacts) -> dict[str, Any]:
    """``configs/inference.json``: classify prepared inputs (C, H, W) or (C, D, H, W) that lie in a folder as ``.npy``.

    Preparing them from scans is the clinical room's work; this file is for MONAI's tools, not for our own prediction.
    """
    return {
        "imports": ["$import glob"],
        "bundle_root": ".",
        "dataset_dir": "$@bundle_root + '/data'",
        "output_dir": "$@bundle_root + '/eval'",
        "device": "$torch.device('cuda' if torch.cuda.is_available() else 'cpu')",
        "room": {"_target_": "abdominal_oncology.tasks.load_task", "name": facts.task},
        "network_def": {
            "_target_": f"{_NETWORK}.logits_network",
            "task": facts.task,
            "name": facts.network,
            "classes": len(facts.classes),
            "options": facts_to_table(facts)["network_options"],
            "room": "@room",
        },
        "network": {
            "_target_": f"{_NETWORK}.with_weights",
            "network": "@network_def",
            "path": f"$@bundle_root + '/{WEIGHTS}'",
            "device": "@device",
        },
        "preprocessing": {
            "_target_": "Compose",
            "transforms": [
                {"_target_": "LoadImaged", "keys": "image", "reader": "NumpyReader"},
                {"_target_": "EnsureTyped", "keys": "image", "dtype": "$torch.float32"},
            ],
        },
        "dataset": {
            "_target_": "Dataset",
            "data": "$[{'image': path} for path in sorted(glob.glob(@dataset_dir + '/*.npy'))]",
            "transform": "@preprocessing",
        },
        "dataloader": {"_target_": "DataLoader", "dataset": "@dataset", "batch_size": 8, "num_workers": 0},
        "inferer": {"_target_": "SimpleInferer"},
        "temperature": facts.temperature,
        "postprocessing": {
            "_target_": "Compose",
            "transforms": [
                {"_target_": "Lambdad", "keys": "pred", "func": "$lambda logits: logits / @temperature"},
                {"_target_": "Activationsd", "keys": "pred", "softmax": True},
            ],
        },
        "handlers": [
            {
                "_target_": "ClassificationSaver",
                "output_dir": "@output_dir",
                "filename": "predictions.csv",
                "batch_transform": "$lambda batch: [each['image'].meta for each in batch]",
                "output_transform": "$monai.handlers.from_engine(['pred'])",
            }
        ],
        "evaluator": {
            "_target_": "SupervisedEvaluator",
            "device": "@device",
            "val_data_loader": "@dataloader",
            "network": "@network",
            "inferer": "@inferer",
            "postprocessing": "@postprocessing",
            "val_handlers": "@handlers",
        },
        "run": ["$@evaluator.run()"],
    }


def _channels(count: int) -> list[str]:
    return [f"channel {index}" for index in range(count)]


def _tensor(
    kind: str,
    form: str,
    shape: tuple[int, ...],
    channels: list[str] | tuple[str, ...],
    value_range: tuple[float, ...] = (),
) -> Mapping[str, Any]:
    return {
        "type": kind,
        "format": form,
        "modality": "n/a",
        "num_channels": shape[0],
        "spatial_shape": list(shape[1:]),
        "dtype": "float32",
        "value_range": list(value_range),
        "is_patch_data": False,
        "channel_def": {str(index): name for index, name in enumerate(channels)},
    }


def _installed(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError as missing:
        raise MissingDependencyError(f"writing a bundle needs {package}", remedy=f"install {package}") from missing
