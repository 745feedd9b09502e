"""Augmentation of batches on their device: seeded, replayable, and safe for labels.

A :class:`Pipeline` draws numbers for each item (:class:`Drawn`, plain data), and :func:`apply` turns a batch and those
numbers into the same pictures every time. :data:`OPERATIONS` are the facts of each operation.
"""

from __future__ import annotations

from abdominal_oncology.learning.augment.apply import apply, undo
from abdominal_oncology.learning.augment.drawn import Drawn
from abdominal_oncology.learning.augment.operations import OPERATIONS, Operation
from abdominal_oncology.learning.augment.pipeline import PIPELINES, Choice, Pipeline
from abdominal_oncology.learning.augment.views import VIEWS, Views, named_views

__all__ = [
    "OPERATIONS",
    "PIPELINES",
    "VIEWS",
    "Choice",
    "Drawn",
    "Operation",
    "Pipeline",
    "Views",
    "apply",
    "named_views",
    "undo",
]
