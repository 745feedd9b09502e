"""The networks of this room; importing it registers them under the task ``rectal``."""

from abdominal_oncology.rectal.networks import stage_network

__all__ = ["stage_network"]
