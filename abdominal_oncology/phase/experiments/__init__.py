"""The experiments of the phase room: a table or figure of a source paper each, measured on phantoms."""

from __future__ import annotations

from abdominal_oncology.learning.experiment import Experiment
from abdominal_oncology.phase.experiments.encodings import ENCODINGS_EXPERIMENT
from abdominal_oncology.phase.experiments.external import EXTERNAL
from abdominal_oncology.phase.experiments.sampling import SAMPLING
from abdominal_oncology.phase.experiments.scan_table import SCAN
from abdominal_oncology.phase.experiments.slice_tables import BACKBONES, INPUT_SIZE
from abdominal_oncology.phase.experiments.systems import SYSTEMS

EXPERIMENTS: tuple[Experiment, ...] = (ENCODINGS_EXPERIMENT, BACKBONES, INPUT_SIZE, SCAN, SAMPLING, SYSTEMS, EXTERNAL)
