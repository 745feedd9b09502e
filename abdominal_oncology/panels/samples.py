"""A phantom in Slicer's Sample Data module: generated on the spot, so it works offline."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


def register_phantom(sample_name: str, thumbnail: str, create: Callable[[], Any]) -> None:
    """Offer ``create`` under the category of this extension. Called after Slicer's start, when Sample Data is there."""
    import SampleData  # type: ignore[import-not-found]  # a module of the Slicer application

    def generate(source: Any) -> list[Any]:
        return [create()]

    SampleData.SampleDataLogic.registerCustomSampleDataSource(
        category="Abdominal Oncology",
        sampleName=sample_name,
        thumbnailFileName=thumbnail,
        uris="generated:" + sample_name,  # Sample Data wants an address; the custom downloader is used instead
        fileNames=sample_name,
        nodeNames=sample_name,
        customDownloader=generate,
    )
