"""The experiments of the hcc room: a table or figure of paper 003 each, measured on phantoms."""

from __future__ import annotations

from abdominal_oncology.hcc.experiments.features import FIGURE4
from abdominal_oncology.hcc.experiments.size_bias import SIZE_BIAS
from abdominal_oncology.hcc.experiments.tables import TABLE2, TABLE3
from abdominal_oncology.learning.experiment import Experiment

EXPERIMENTS: tuple[Experiment, ...] = (TABLE2, TABLE3, FIGURE4, SIZE_BIAS)
