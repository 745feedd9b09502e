"""The two allow-lists, as data.

``table9`` is Table 9 of Dao et al., "Phase recognition in contrast-enhanced CT scans based on deep learning and random
sampling", and beside it the least that makes a file valid and puts it right in space:

- SOP class, modality, image type (tells a localizer from a slice), instance number;
- position, orientation, slice thickness and spacing, the frame of reference (hashed): Table 9 measures a pixel but does
  not say where it lies, and without that there is no volume;
- what pixel values need beside it: rescale type, number of frames, padding value, lossy compression;
- for MR the three codes that its object must have; attributes that must be present but may be empty, empty.

``modules`` adds what the phase, liver and rectal modules look at: a pseudonymous patient (to split data by patient),
descriptions reduced to known words, times as seconds since the study's first event, the contrast agent, the scanner and
how it was set. Not among them: station, serial number, operator, institution, any date, age, size.
"""

from __future__ import annotations

from collections.abc import Iterable

from abdominal_oncology.errors import InvalidInputError
from abdominal_oncology.imaging.deidentify import codes, words
from abdominal_oncology.imaging.deidentify.rules import (
    Action,
    Binary,
    Check,
    Codes,
    Number,
    Profile,
    Rule,
    Tags,
    Words,
)

_ALL, _CT, _MR = frozenset({"*"}), frozenset({"CT"}), frozenset({"MR"})
_ANY = Number(-1e7, 1e7, most=4096)
_COUNT = Number(0, 1e6)
_LENGTH = Number(0, 1e4, most=3)


def _keep(check: Check, *keywords: str, present_for: frozenset[str] = frozenset()) -> tuple[Rule, ...]:
    return tuple(Rule(keyword, Action.KEEP, check, present_for=present_for) for keyword in keywords)


def _do(action: Action, *keywords: str, present_for: frozenset[str] = frozenset()) -> tuple[Rule, ...]:
    return tuple(Rule(keyword, action, present_for=present_for) for keyword in keywords)


def _nest(keyword: str, *nested: Rule) -> Rule:
    return Rule(keyword, Action.NEST, nested=nested)


_TABLE_9 = (
    *_keep(Codes(codes.SEX), "PatientSex", present_for=_ALL),
    *_keep(Number(0.1, 700), "PatientWeight"),
    *_keep(Number(1, 65535), "Rows", "Columns"),
    *_keep(_LENGTH, "PixelSpacing"),
    *_keep(Number(0, 1), "PixelRepresentation"),
    *_keep(Binary(), "PixelData"),
    *_keep(Number(1, 64), "BitsAllocated", "BitsStored"),
    *_keep(Number(0, 63), "HighBit"),
    *_keep(Number(-1e6, 1e6, most=32), "WindowCenter", "WindowWidth"),
    *_keep(_ANY, "RescaleIntercept", "RescaleSlope"),
    *_keep(Codes(codes.PHOTOMETRIC), "PhotometricInterpretation"),
    *_keep(Number(1, 1), "SamplesPerPixel"),
    *_do(Action.HASH_UID, "SOPInstanceUID", "SeriesInstanceUID", "StudyInstanceUID"),
)

_PLACE = (
    *_keep(_ANY, "ImagePositionPatient"),
    *_keep(Number(-1.001, 1.001, most=6), "ImageOrientationPatient"),
    *_keep(_LENGTH, "SliceThickness", present_for=_CT | _MR),
    *_keep(_LENGTH, "SpacingBetweenSlices"),
)

_FRAMES = (
    *_keep(Number(1, 1e5), "NumberOfFrames"),
    _nest(
        "DimensionOrganizationSequence",
        *_do(Action.HASH_UID, "DimensionOrganizationUID"),
    ),
    _nest(
        "DimensionIndexSequence",
        *_do(Action.HASH_UID, "DimensionOrganizationUID"),
        *_keep(Tags(), "DimensionIndexPointer", "FunctionalGroupPointer"),
    ),
)

_FRAME_PLACE = (
    _nest("PixelMeasuresSequence", *_keep(_LENGTH, "PixelSpacing", "SliceThickness", "SpacingBetweenSlices")),
    _nest("PlaneOrientationSequence", *_keep(Number(-1.001, 1.001, most=6), "ImageOrientationPatient")),
    _nest("PlanePositionSequence", *_keep(_ANY, "ImagePositionPatient")),
    _nest(
        "PixelValueTransformationSequence",
        *_keep(_ANY, "RescaleIntercept", "RescaleSlope"),
        *_keep(Codes(codes.UNITS), "RescaleType"),
    ),
    _nest("FrameVOILUTSequence", *_keep(Number(-1e6, 1e6, most=32), "WindowCenter", "WindowWidth")),
    *(
        _nest(
            sequence,
            *_keep(Codes(codes.IMAGE_TYPE), "FrameType"),
            *_keep(Codes(codes.FRAME), "PixelPresentation", "VolumetricProperties", "VolumeBasedCalculationTechnique"),
        )
        for sequence in ("CTImageFrameTypeSequence", "MRImageFrameTypeSequence")
    ),
)

_FRAME_CONTENT = _keep(
    Number(0, 1e6, most=16),
    "FrameAcquisitionNumber",
    "DimensionIndexValues",
    "StackID",
    "InStackPositionNumber",
    "TemporalPositionIndex",
)

_MINIMUM = (
    *_keep(Codes(frozenset(codes.SOP_CLASSES)), "SOPClassUID"),
    *_keep(Codes(frozenset({"CT", "MR"})), "Modality"),
    *_keep(Codes(codes.IMAGE_TYPE), "ImageType"),
    *_keep(_COUNT, "InstanceNumber", present_for=_ALL),
    *_PLACE,
    *_do(Action.HASH_UID, "FrameOfReferenceUID"),
    *_do(Action.EMPTY, "PositionReferenceIndicator", present_for=_ALL),
    *_keep(Codes(codes.UNITS), "RescaleType"),
    *_keep(_ANY, "PixelPaddingValue", "PixelPaddingRangeLimit"),
    *_keep(Codes(frozenset({"00", "01"})), "LossyImageCompression"),
    *_keep(Number(0, 1e4, most=8), "LossyImageCompressionRatio"),
    *_keep(Codes(codes.LOSSY_METHODS), "LossyImageCompressionMethod"),
    *_keep(Codes(frozenset({"NO"})), "BurnedInAnnotation"),
    *_keep(Codes(frozenset({"IDENTITY", "INVERSE"})), "PresentationLUTShape"),
    *_keep(
        Codes(codes.FRAME),
        *("ContentQualification", "PixelPresentation", "VolumetricProperties", "VolumeBasedCalculationTechnique"),
    ),
    *_keep(Binary(), "ExtendedOffsetTable", "ExtendedOffsetTableLengths"),
    *_keep(Codes(codes.SCANNING_SEQUENCE), "ScanningSequence"),
    *_keep(Codes(codes.SEQUENCE_VARIANT), "SequenceVariant"),
    *_keep(Codes(frozenset({"2D", "3D"})), "MRAcquisitionType", present_for=_MR),
    *_FRAMES,
)

_NAMELESS = _do(
    Action.EMPTY,
    "PatientName",
    "PatientBirthDate",
    "StudyDate",
    "StudyTime",
    "AccessionNumber",
    "ReferringPhysicianName",
    "StudyID",
    present_for=_ALL,
)

TABLE9 = Profile(
    "table9",
    "Table 9 of the source study and the least that makes a valid file in its right place",
    (
        *_TABLE_9,
        *_MINIMUM,
        *_NAMELESS,
        *_do(Action.EMPTY, "PatientID", "SeriesNumber", "Manufacturer", present_for=_ALL),
        *_do(Action.EMPTY, "AcquisitionNumber", present_for=_CT),
        *_do(Action.EMPTY, "KVP", present_for=_CT),
        *_do(Action.EMPTY, "ScanOptions", "EchoTime", "RepetitionTime", "EchoTrainLength", present_for=_MR),
        *(
            _nest(group, *_FRAME_PLACE, _nest("FrameContentSequence", *_FRAME_CONTENT))
            for group in ("SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence")
        ),
    ),
    {
        "113100": "Basic Application Confidentiality Profile",
        "113108": "Retain Patient Characteristics Option",  # sex and weight
    },
)

_CLOCK = _do(Action.OFFSET, "AcquisitionTime", "ContentTime", "AcquisitionDateTime")
_BOLUS_CLOCK = _do(Action.OFFSET, "ContrastBolusStartTime", "ContrastBolusStopTime")
_BOLUS_FIGURES = _keep(
    Number(0, 1e5, most=8),
    "ContrastBolusVolume",
    "ContrastBolusTotalDose",
    "ContrastFlowRate",
    "ContrastFlowDuration",
    "ContrastBolusIngredientConcentration",
    "ContrastBolusInjectionDelay",
)

_CONTRAST = (
    Rule("ContrastBolusAgent", Action.CLEAN, Words(words.AGENT, otherwise="CONTRAST")),
    Rule("ContrastBolusRoute", Action.CLEAN, Words(words.ROUTE)),
    *_keep(Codes(codes.INGREDIENTS), "ContrastBolusIngredient"),
    *_BOLUS_CLOCK,
    *_BOLUS_FIGURES,
    _nest(
        "ContrastBolusAgentSequence",
        *_keep(Number(0, 100), "ContrastBolusAgentNumber"),
        *_BOLUS_FIGURES,
        _nest("ContrastAdministrationProfileSequence", *_BOLUS_FIGURES, *_BOLUS_CLOCK),
    ),
)

_DESCRIPTIONS = (
    Rule("SeriesDescription", Action.CLEAN, Words(words.SERIES)),
    Rule("ProtocolName", Action.CLEAN, Words(words.SERIES)),
    *_keep(Codes(codes.BODY_PARTS), "BodyPartExamined"),
    *_keep(Codes(codes.POSITIONS), "PatientPosition", present_for=_CT | _MR),
    *_keep(Number(0, 1e6), "SeriesNumber", present_for=_ALL),
    *_keep(Number(0, 1e6), "AcquisitionNumber", present_for=_CT),
    *_keep(_ANY, "SliceLocation"),
)

_KERNEL = _keep(codes.KERNEL, "ConvolutionKernel")
_MR_TIMING = _keep(Number(0, 1e6, most=8), "RepetitionTime", "EchoTrainLength", "FlipAngle")

_DEVICE = (
    Rule("Manufacturer", Action.CLEAN, Words(words.MAKER), present_for=_ALL),
    Rule("ManufacturerModelName", Action.CLEAN, Words(words.MODEL)),
    *_KERNEL,
    *_keep(Number(0, 1e4), "KVP", present_for=_CT),
    *_keep(
        Number(-1e6, 1e6, most=8),
        *("GantryDetectorTilt", "TableHeight", "XRayTubeCurrent", "Exposure", "ExposureTime", "DataCollectionDiameter"),
        *("ReconstructionDiameter", "SingleCollimationWidth", "TotalCollimationWidth", "TableSpeed", "CTDIvol"),
        *("TableFeedPerRotation", "SpiralPitchFactor", "RevolutionTime", "MagneticFieldStrength", "ImagingFrequency"),
        *("InversionTime", "NumberOfAverages", "PixelBandwidth", "AcquisitionMatrix", "PercentSampling", "EchoNumbers"),
        *("PercentPhaseFieldOfView", "DiffusionBValue", "TemporalPositionIdentifier", "NumberOfTemporalPositions"),
    ),
    *_keep(Number(0, 1e6, most=8), "EchoTime", "RepetitionTime", "EchoTrainLength", "FlipAngle", present_for=_MR),
    *_keep(Codes(codes.SCAN_OPTIONS), "ScanOptions", present_for=_MR),
    *_keep(Codes(frozenset({"CW", "CC"})), "RotationDirection"),
    *_keep(Codes(frozenset({"ROW", "COL", "COLUMN"})), "InPlanePhaseEncodingDirection"),
    *_keep(Codes(frozenset({"1H"})), "ImagedNucleus"),
)

_FRAME_DEVICE = (
    _nest("CTXRayDetailsSequence", *_keep(Number(0, 1e4), "KVP")),
    _nest("CTReconstructionSequence", *_KERNEL, *_keep(Number(0, 1e4), "ReconstructionDiameter")),
    _nest("CTExposureSequence", *_keep(Number(0, 1e6), "XRayTubeCurrentInmA", "ExposureTimeInms", "CTDIvol")),
    _nest("CTAcquisitionDetailsSequence", *_keep(Number(-1e6, 1e6), "GantryDetectorTilt", "TableHeight")),
    _nest("MRTimingAndRelatedParametersSequence", *_MR_TIMING),
    _nest("MREchoSequence", *_keep(Number(0, 1e6), "EffectiveEchoTime")),
    _nest("MRDiffusionSequence", *_keep(Number(0, 1e6), "DiffusionBValue")),
    _nest(
        "ContrastBolusUsageSequence",
        *_keep(Number(0, 100), "ContrastBolusAgentNumber"),
        *_keep(
            Codes(codes.CONTRAST_USE),
            *("ContrastBolusAgentAdministered", "ContrastBolusAgentDetected", "ContrastBolusAgentPhase"),
        ),
    ),
)

MODULES = Profile(
    "modules",
    "Table 9 and what the phase, liver and rectal modules look at: cleaned descriptions, offsets, contrast, scanner",
    (
        *_TABLE_9,
        *_MINIMUM,
        *_NAMELESS,
        *_do(Action.PSEUDONYM, "PatientID", present_for=_ALL),
        *_CLOCK,
        *_CONTRAST,
        *_DESCRIPTIONS,
        *_DEVICE,
        *(
            _nest(
                group,
                *_FRAME_PLACE,
                *_FRAME_DEVICE,
                _nest(
                    "FrameContentSequence",
                    *_FRAME_CONTENT,
                    *_do(Action.OFFSET, "FrameAcquisitionDateTime", "FrameReferenceDateTime"),
                    *_keep(Number(0, 1e7), "FrameAcquisitionDuration"),
                ),
            )
            for group in ("SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence")
        ),
    ),
    {
        "113100": "Basic Application Confidentiality Profile",
        "113105": "Clean Descriptors Option",
        "113107": "Retain Longitudinal Temporal Information Modified Dates Option",
        "113108": "Retain Patient Characteristics Option",  # sex and weight
    },
    keeps_offsets=True,
)

PROFILES: tuple[Profile, ...] = (TABLE9, MODULES)
"""The profiles that can be asked for by name; the first is the default."""


def profile_named(name: str, among: Iterable[Profile] = PROFILES) -> Profile:
    """The profile of that name."""
    known = {profile.name: profile for profile in among}
    if name not in known:
        raise InvalidInputError(f"there is no profile {name!r}", remedy=f"choose one of {', '.join(known)}")
    return known[name]
