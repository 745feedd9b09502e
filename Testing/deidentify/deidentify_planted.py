"""Studies with an identity planted wherever DICOM has room for one."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.sequence import Sequence as Items
from pydicom.uid import CTImageStorage, EnhancedCTImageStorage, ExplicitVRLittleEndian, MRImageStorage

PLANTED = (
    "Mustermann",
    "Erika",
    "KRANKENHAUS",
    "Zwickelstrasse",
    "PAT7734921",
    "ACC5550123",
    "19620411",
    "20240317",
    "Oberarzt",
    "STATION9",
    "SN8812345",
    "1.2.276.0.7230010.99",
    "schlachter",
    "101530",
)
"""Strings that are nowhere in an output, in any spelling of bytes."""

ROOT = "1.2.276.0.7230010.99"


def dirty_slice(k: int = 0, *, modality: str = "CT", series: int = 1, study: int = 1, **changes: object) -> Dataset:
    """Slice ``k`` of an oblique stack; identity at top level, nested, private, overlay, file meta and preamble."""
    ds = Dataset()
    ds.SOPClassUID = CTImageStorage if modality == "CT" else MRImageStorage
    ds.SOPInstanceUID = f"{ROOT}.{study}.{series}.{k + 1}"
    ds.SeriesInstanceUID = f"{ROOT}.{study}.{series}"
    ds.StudyInstanceUID = f"{ROOT}.{study}"
    ds.FrameOfReferenceUID = f"{ROOT}.77"
    ds.SpecificCharacterSet = "ISO_IR 192"
    ds.Modality = modality
    ds.ImageType = ["ORIGINAL", "PRIMARY", "AXIAL", "Mustermann"]
    ds.PatientName = "Mustermann^Erika"
    ds.PatientID = "PAT7734921"
    ds.PatientBirthDate = "19620411"
    ds.PatientSex = "F"
    ds.PatientWeight = "71.5"
    ds.PatientAddress = "Zwickelstrasse 8"
    ds.InstitutionName = "KRANKENHAUS Nord"
    ds.StationName = "STATION9"
    ds.DeviceSerialNumber = "SN8812345"
    ds.ReferringPhysicianName = "Oberarzt^Schlachter"
    ds.OperatorsName = "schlachter"
    ds.AccessionNumber = "ACC5550123"
    ds.StudyID = "ACC5550123"
    ds.StudyDate = ds.SeriesDate = ds.AcquisitionDate = ds.ContentDate = "20240317"
    ds.StudyTime = "101530"
    ds.AcquisitionTime = f"{101625 + k // 2}.500000"
    ds.ContrastBolusStartTime = "101550"
    ds.ContrastBolusAgent = "Ultravist 370 Mustermann"
    ds.SeriesDescription = "Abdomen arteriell 35s Mustermann 5.0"
    ds.StudyDescription = "Erika Mustermann Abdomen"
    ds.ProtocolName = "Leber_3P_Oberarzt"
    ds.ImageComments = "Frau Mustermann, geb. 19620411, Zwickelstrasse"
    ds.Manufacturer = "SIEMENS KRANKENHAUS"
    ds.ManufacturerModelName = "SOMATOM Force SN8812345"
    ds.ConvolutionKernel = "Br40d"
    ds.KVP = "120"
    ds.Rows, ds.Columns = 8, 6
    ds.PixelSpacing = ["0.7421875", "0.81"]
    ds.SliceThickness = "2.5"
    ds.ImageOrientationPatient = ["0.8", "0.6", "0", "-0.6", "0.8", "0"]
    ds.ImagePositionPatient = ["-120.25", "33.5", f"{-400.5 + 2.5 * k}"]
    ds.InstanceNumber = k + 1
    ds.SeriesNumber = series
    ds.SamplesPerPixel = 1
    ds.PhotometricInterpretation = "MONOCHROME2"
    ds.BitsAllocated, ds.BitsStored, ds.HighBit, ds.PixelRepresentation = 16, 12, 11, 0
    ds.RescaleIntercept, ds.RescaleSlope, ds.RescaleType = "-1024", "1", "HU"
    ds.WindowCenter, ds.WindowWidth = ["40", "-600"], ["400", "1500"]
    ds.WindowCenterWidthExplanation = ["Erika", "Mustermann"]
    ds.PixelPaddingValue = 0
    voxels = np.random.default_rng(1000 * series + k).integers(0, 4096, (8, 6)).astype(np.uint16)
    ds.PixelData = voxels.tobytes()
    request = Dataset()
    request.RequestedProcedureDescription = "KRANKENHAUS Mustermann"
    person = Dataset()
    person.PersonName = "Mustermann^Erika"
    person.PersonAddress = "Zwickelstrasse 8"
    request.PersonIdentificationCodeSequence = Items([person])
    ds.RequestAttributesSequence = Items([request])
    ds.OtherPatientIDsSequence = Items([Dataset()])
    ds.OtherPatientIDsSequence[0].PatientID = "PAT7734921"
    ds.add_new((0x0029, 0x0010), "LO", "KRANKENHAUS Mustermann")
    ds.add_new((0x0029, 0x1010), "OB", b"name=Mustermann;born=19620411;")
    ds.add_new((0x6000, 0x0010), "US", 8)
    ds.add_new((0x6000, 0x0022), "LO", "Mustermann")
    ds.add_new((0x6000, 0x3000), "OW", b"MustermannMustermann")
    ds.add_new((0x5000, 0x2500), "LO", "Erika Mustermann")
    ds.add_new((0xFFFC, 0xFFFC), "OB", b"Mustermann")
    for keyword, value in changes.items():
        if value is None:
            delattr(ds, keyword)
        else:
            setattr(ds, keyword, value)
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    ds.file_meta.MediaStorageSOPClassUID = ds.SOPClassUID
    ds.file_meta.MediaStorageSOPInstanceUID = ds.SOPInstanceUID
    ds.file_meta.ImplementationVersionName = "KRANKENHAUS"
    ds.file_meta.SourceApplicationEntityTitle = "STATION9"
    ds.preamble = b"Mustermann Erika".ljust(128, b"\0")
    return ds


def enhanced_ct(frames: int = 3) -> Dataset:
    """An enhanced multi-frame CT with shared and per-frame functional groups."""
    ds = dirty_slice(SOPClassUID=EnhancedCTImageStorage, NumberOfFrames=frames)
    for keyword in ("PixelSpacing", "ImagePositionPatient", "ImageOrientationPatient", "SliceThickness"):
        delattr(ds, keyword)
    ds.PixelData = np.arange(frames * 48, dtype=np.uint16).tobytes()
    ds.AcquisitionDateTime = "20240317101625.500+0100"

    def group(**attributes: object) -> Items:
        item = Dataset()
        for keyword, value in attributes.items():
            setattr(item, keyword, value)
        return Items([item])

    shared = Dataset()
    shared.PixelMeasuresSequence = group(PixelSpacing=["0.7", "0.8"], SliceThickness="2.5")
    shared.PlaneOrientationSequence = group(ImageOrientationPatient=["1", "0", "0", "0", "1", "0"])
    shared.PixelValueTransformationSequence = group(RescaleIntercept="-1024", RescaleSlope="1", RescaleType="HU")
    shared.UnassignedSharedConvertedAttributesSequence = group(OperatorsName="schlachter")
    shared.CTReconstructionSequence = group(ConvolutionKernel="Br40d", ReconstructionDescription="Mustermann")
    ds.SharedFunctionalGroupsSequence = Items([shared])
    per_frame = []
    for k in range(frames):
        item = Dataset()
        item.PlanePositionSequence = group(ImagePositionPatient=["-10", "-20", str(2.5 * k)])
        item.FrameContentSequence = group(
            FrameAcquisitionDateTime=f"2024031710163{k}.25",
            FrameComments="Erika Mustermann",
            DimensionIndexValues=[1, k + 1],
            StackID="1",
        )
        per_frame.append(item)
    ds.PerFrameFunctionalGroupsSequence = Items(per_frame)
    return ds


def leaks(data: bytes, strings: Sequence[str] = PLANTED) -> list[str]:
    """Which of the strings are in the bytes, in any case, as UTF-8 or UTF-16."""
    folded = data.lower()
    return [
        text
        for text in strings
        if any(text.lower().encode(codec) in folded for codec in ("utf-8", "utf-16-le", "utf-16-be"))
    ]


def everything_under(folder: Path) -> bytes:
    """All bytes and all names below a folder."""
    parts = [path.relative_to(folder).as_posix().encode() for path in sorted(folder.rglob("*"))]
    return b"\n".join(parts + [path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()])
