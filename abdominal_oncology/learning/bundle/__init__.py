"""Bundles: trained models on disk in the MONAI bundle layout."""

NO_BUNDLE = "none"
"""Asked for in place of a bundle's name: an answer without any network."""
