"""The experiments of the hcc room: a table or figure of paper 003 each, measured on phantoms."""

from __future__ import annotations

from abdominal_oncology.learning.experiment import Experiment

EXPERIMENTS: tuple[Experiment, ...] = ()
