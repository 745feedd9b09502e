"""Synthetic patients: the parts that the phantoms of all three clinical folders share. Phantoms are not patients."""
