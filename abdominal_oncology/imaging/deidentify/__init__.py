"""De-identification of CT and MR by allow-list: what is not named is not written.

A new dataset is built from nothing and receives only the attributes of a :class:`Profile`, each after its value was
checked (a number in a range, a code from a list, words from a vocabulary). Nothing is ever removed from a copy, so
private tags, overlays, curves, unknown sequences, file meta and preamble have no way in. UIDs become keyed hashes.
Pixel bytes pass untouched; images that may carry writing (secondary captures, ultrasound, screen saves) are refused.

What this does not do: it does not look into the picture. A face in a neck-to-thigh scan stays a face.
"""

from abdominal_oncology.imaging.deidentify.batch import deidentify
from abdominal_oncology.imaging.deidentify.keys import Pseudonymiser, create_key, load_key, new_key
from abdominal_oncology.imaging.deidentify.profiles import MODULES, PROFILES, TABLE9, profile_named
from abdominal_oncology.imaging.deidentify.report import FileRow, Outcome, Report, StudyReport
from abdominal_oncology.imaging.deidentify.rewrite import Trace, rewrite_dataset
from abdominal_oncology.imaging.deidentify.rules import Action, Profile, Rule

__all__ = [
    "MODULES",
    "PROFILES",
    "TABLE9",
    "Action",
    "FileRow",
    "Outcome",
    "Profile",
    "Pseudonymiser",
    "Report",
    "Rule",
    "StudyReport",
    "Trace",
    "create_key",
    "deidentify",
    "load_key",
    "new_key",
    "profile_named",
    "rewrite_dataset",
]
