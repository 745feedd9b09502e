"""The experiments of the phase room."""

from __future__ import annotations

from abdominal_oncology.learning.experiment import Experiment

EXPERIMENTS: tuple[Experiment, ...] = ()
