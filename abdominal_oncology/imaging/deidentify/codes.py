"""Code strings that may pass: an attribute's value is written only if it is one of these."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any


def _codes(text: str, *phrases: str) -> frozenset[str]:
    return frozenset(text.split()) | frozenset(phrases)


SOP_CLASSES = {
    "1.2.840.10008.5.1.4.1.1.2": "CT",
    "1.2.840.10008.5.1.4.1.1.2.1": "enhanced CT",
    "1.2.840.10008.5.1.4.1.1.2.2": "enhanced CT",  # legacy converted
    "1.2.840.10008.5.1.4.1.1.4": "MR",
    "1.2.840.10008.5.1.4.1.1.4.1": "enhanced MR",
    "1.2.840.10008.5.1.4.1.1.4.4": "enhanced MR",  # legacy converted
}
"""The objects that are de-identified, and the kind each is."""

SEX = _codes("M F O")
PHOTOMETRIC = _codes("MONOCHROME1 MONOCHROME2")
UNITS = _codes("HU US ED EDW HU_MOD OD")
LOSSY_METHODS = _codes("ISO_10918_1 ISO_14495_1 ISO_15444_1 ISO_15444_15")
SCANNING_SEQUENCE = _codes("SE IR GR EP RM")
SEQUENCE_VARIANT = _codes("SK MTC SS TRSS SP MP OSP TOF NONE")
IMAGE_TYPE = _codes(
    "ORIGINAL DERIVED PRIMARY SECONDARY MIXED AXIAL LOCALIZER REFORMATTED MPR AVERAGE HELICAL VOLUME OTHER NONE "
    "DIXON WATER FAT IN_PHASE OPP_PHASE OUT_PHASE IP OP W F M P R I ND NORM DIS2D DIS3D FM FM3 FM4 FIL MFSPLIT "
    "ADC ADC_UNSPECIFIED DIFFUSION TRACEW CALC_BVALUE M_SE M_FFE M_IR SE FFE IR T1 T2 PD DYNAMIC CONTRAST FLUID "
    "CT_SOM5 CT_SOM7 CT_SOM8 SUBTRACTION RESAMPLED MIN_IP MAX_IP MIP QUANTITY ENERGY_PROP_WT POST_CONTRAST",
    *("PROJECTION IMAGE", "MIN IP", "CT_SOM5 SPI", "CT_SOM5 SEQ", "CT_SOM5 TOP", "CT_SOM5 MPR", "CT_SOM5 SPI DUAL"),
    *("CT_SOM7 SPI", "CT_SOM7 SEQ", "CT_SOM7 TOP", "CT_SOM7 MPR", "CT_SOM7 SPI DUAL", "SPI", "SEQ"),
)
FRAME = _codes(
    "MONOCHROME VOLUME SAMPLED DISTORTED MIXED NONE MAX_IP MIN_IP VOLUME_RENDER SURFACE_RENDER MPR CURVED_MPR"
)
POSITIONS = _codes("HFS HFP HFDR HFDL FFS FFP FFDR FFDL")
BODY_PARTS = _codes(
    "ABDOMEN ABDOMENPELVIS ABDOPELVIS ABD CHEST CHESTABDOMEN CHESTABDPELVIS CHESTABDPELV THORAX TAP LIVER PELVIS "
    "RECTUM KIDNEY PANCREAS SPLEEN COLON BODY WHOLEBODY TRUNK NECK NECKCHESTABDPELV HEART LUNG PROSTATE UTERUS "
    "BLADDER AORTA"
)
INGREDIENTS = _codes("IODINE GADOLINIUM XENON BARIUM", "CARBON DIOXIDE")
CONTRAST_USE = _codes("YES NO PRE_CONTRAST POST_CONTRAST IMMEDIATE DYNAMIC STEADY_STATE DELAYED ARTERIAL PORTAL_VENOUS")
SCAN_OPTIONS = _codes(
    "PER RG CG PPG FC PFF PFP SP FS CT SPECTRAL_SPAT PFF_GEMS FAST_GEMS EDR_GEMS VASCTOF_GEMS FILTERED_GEMS HELICAL "
    "AXIAL NONE SAT1 SAT2 SAT_GEMS TRF_GEMS NPW FSL IR WE SFS DIXON VOLUME",
    *("HELICAL MODE", "AXIAL MODE", "CINE MODE", "SCOUT MODE", "HELIX", "SURVIEW", "DIXF", "DIXW"),
)


@dataclass(frozen=True)
class _KernelNames:
    """Reconstruction kernels: the makers' words, or their letter-number codes (B30f, Br40d\\3, FC08, UB)."""

    words: frozenset[str]
    code: str

    def admit(self, value: Any) -> Any | None:
        values = [value] if isinstance(value, str) else list(value)
        return value if all(str(v) in self.words or re.fullmatch(self.code, str(v)) for v in values) else None


KERNEL = _KernelNames(
    _codes("STANDARD SOFT DETAIL BONE BONEPLUS LUNG EDGE CHST HEAD ULTRA ASIR STND STD A B C D E L UA UB YA YB YC"),
    r"[A-Z]{1,2}[a-z]?\d{2}[a-z]{0,2}|I\d{2}[a-z]|[1-5]|FC\d{2}|Q[a-z]\d{2}[a-z]?",
)
