"""The networks of this room; importing it registers them under the task ``hcc``."""

from abdominal_oncology.hcc.networks import composed, guided_loss, plain, residual

__all__ = ["composed", "guided_loss", "plain", "residual"]
