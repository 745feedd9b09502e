"""The state of a training on disk: written whole or not at all, read without running any code."""

from __future__ import annotations

import errno
import pickle
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import torch

from abdominal_oncology.errors import TrainingStoppedError, UnreadableFileError
from abdominal_oncology.files import replacing


def save_checkpoint(state: dict[str, Any], path: Path) -> None:
    """Replace ``path`` by ``state``; when that fails the file that was there stays."""
    try:
        with replacing(path) as temporary:
            torch.save(state, temporary)
    except (OSError, RuntimeError) as error:  # torch reports a full disk as RuntimeError
        full = getattr(error, "errno", None) == errno.ENOSPC or "No space left" in str(error)
        raise TrainingStoppedError(
            "the disk is full" if full else f"the checkpoint could not be written: {error}",
            where=path,
            remedy="make room and start the same command again; it goes on from the last checkpoint",
        ) from error


def load_checkpoint(path: Path) -> dict[str, Any]:
    """Read tensors and plain values only (``weights_only``), onto the CPU."""
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except (OSError, RuntimeError, EOFError, BadZipFile, pickle.UnpicklingError) as error:
        raise UnreadableFileError(
            "this is not a checkpoint that can be read", where=path, remedy="delete it to start afresh"
        ) from error
    if not isinstance(state, dict):
        raise UnreadableFileError("this file holds no training state", where=path)
    return state


def random_state() -> dict[str, Any]:
    """What torch's generators (CPU and every CUDA device) will draw next."""
    cuda = torch.cuda.get_rng_state_all() if torch.cuda.is_available() else []
    return {"cpu": torch.get_rng_state(), "cuda": cuda}


def restore_random_state(state: dict[str, Any]) -> None:
    torch.set_rng_state(state["cpu"])
    if torch.cuda.is_available() and len(state["cuda"]) == torch.cuda.device_count():
        torch.cuda.set_rng_state_all(state["cuda"])
