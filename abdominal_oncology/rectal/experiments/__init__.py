"""The experiments of the rectal room: the four tables of paper 004, measured on phantoms."""

from __future__ import annotations

from abdominal_oncology.learning.experiment import Experiment
from abdominal_oncology.rectal.experiments.slice_tables import ENCODERS_TABLE, LOSSES_TABLE
from abdominal_oncology.rectal.experiments.volume_tables import AGGREGATIONS_TABLE, READERS_TABLE

EXPERIMENTS: tuple[Experiment, ...] = (ENCODERS_TABLE, LOSSES_TABLE, AGGREGATIONS_TABLE, READERS_TABLE)
