"""Measured figures, ours beside named baselines, in one run: ``abdominal-oncology bench imaging|phantom``."""
