"""The networks of this room; importing it registers them under the task ``phase``."""

from abdominal_oncology.phase.networks import cdgan, slice_networks, volume_networks

__all__ = ["cdgan", "slice_networks", "volume_networks"]
