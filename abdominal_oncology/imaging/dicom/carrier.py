"""The smallest data set that lets another library decode one frame of ours."""

from __future__ import annotations

from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import UID, CTImageStorage

from abdominal_oncology.imaging.dicom.records import PixelLayout


def carrier_dataset(layout: PixelLayout, encapsulated: bytes) -> Dataset:
    """A CT slice without identity and rescale around ``encapsulated`` pixel data."""
    carrier = Dataset()
    carrier.SOPClassUID = CTImageStorage
    carrier.SOPInstanceUID = "2.25.1"
    carrier.StudyInstanceUID = "2.25.2"
    carrier.SeriesInstanceUID = "2.25.3"
    carrier.Modality = "CT"
    carrier.SamplesPerPixel = 1
    carrier.PhotometricInterpretation = "MONOCHROME2"
    carrier.Rows, carrier.Columns = layout.rows, layout.columns
    carrier.ImagePositionPatient = [0, 0, 0]
    carrier.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
    carrier.PixelSpacing = [1, 1]
    carrier.BitsAllocated = layout.bits_allocated
    carrier.BitsStored = layout.bits_stored
    carrier.HighBit = layout.high_bit
    carrier.PixelRepresentation = int(layout.signed)
    carrier.PixelData = encapsulated
    carrier["PixelData"].VR = "OB"
    carrier["PixelData"].is_undefined_length = True
    carrier.file_meta = FileMetaDataset()
    carrier.file_meta.TransferSyntaxUID = UID(layout.transfer_syntax)
    return carrier
