"""Bundles: trained models on disk in the MONAI bundle layout."""
