"""Where the abdomen lies in a CT, and its organs on it, with no network and no click."""

from abdominal_oncology.phase.locate.regions import RegionsFound, find_regions
from abdominal_oncology.phase.locate.slab import Slab, locate_slab

__all__ = ["RegionsFound", "Slab", "find_regions", "locate_slab"]
