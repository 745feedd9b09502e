"""The scene bridge: MRML nodes ↔ the types of ``imaging``. The only part of the package that imports slicer and vtk.

Importing it imports ``slicer`` (1–2 s outside the application), so commands that do not need a scene must not. It runs
unchanged in two places: inside the Slicer application, and on ``slicer-core`` from PyPI after :func:`boot`, which the
functions here call by themselves.

Rooms: ``headless`` boots, ``volumes`` and ``sequences`` give Images, ``segments``, ``segment_masks`` and
``segmentations`` give masks and take them, ``tables``, ``plots`` and ``attributes`` hold results, ``hierarchy`` and
``study`` put things in their place, ``store`` saves and opens, ``render`` and ``surfaces`` draw. World coordinates are
LPS on our side and RAS on Slicer's; ``grids`` is where they meet.
"""

from __future__ import annotations

from importlib.util import find_spec

from abdominal_oncology.errors import MissingDependencyError

if find_spec("slicer") is None:
    raise MissingDependencyError(
        "the scene needs Slicer, or the package slicer-core outside it", remedy="run 'pip install slicer-core'"
    )

from abdominal_oncology.scene.attributes import fact, facts, remove_fact, set_fact
from abdominal_oncology.scene.headless import boot, clear_scene, is_headless
from abdominal_oncology.scene.hierarchy import (
    Place,
    file_series,
    folder_item,
    item_of,
    place_beside,
    place_of,
    place_under,
    study_item,
)
from abdominal_oncology.scene.nodes import Node, remove_node
from abdominal_oncology.scene.pictures import Picture, montage, png_bytes, write_png
from abdominal_oncology.scene.plots import PlotKind, plot_node_from_table, series_of_plot
from abdominal_oncology.scene.render import Overlay, SliceRenderer, slice_picture
from abdominal_oncology.scene.segment_masks import mask_from_segment
from abdominal_oncology.scene.segmentations import segmentation_node_from_labels, segmentation_node_from_masks
from abdominal_oncology.scene.segments import SegmentInfo, find_segment, segments
from abdominal_oncology.scene.sequences import images_from_sequence
from abdominal_oncology.scene.store import open_scene, save_scene
from abdominal_oncology.scene.study import SceneStudy, load_dicom_series, put_study
from abdominal_oncology.scene.surfaces import surface_picture
from abdominal_oncology.scene.tables import Table, table_from_node, table_node_from_rows
from abdominal_oncology.scene.volumes import (
    fill_volume_node,
    image_from_volume_node,
    reader_from_volume_node,
    set_source_node,
    source_node_of,
    volume_node_from_image,
)

__all__ = [
    "Node",
    "Overlay",
    "Picture",
    "Place",
    "PlotKind",
    "SceneStudy",
    "SegmentInfo",
    "SliceRenderer",
    "Table",
    "boot",
    "clear_scene",
    "fact",
    "facts",
    "file_series",
    "fill_volume_node",
    "find_segment",
    "folder_item",
    "image_from_volume_node",
    "images_from_sequence",
    "is_headless",
    "item_of",
    "load_dicom_series",
    "mask_from_segment",
    "montage",
    "open_scene",
    "place_beside",
    "place_of",
    "place_under",
    "plot_node_from_table",
    "png_bytes",
    "put_study",
    "reader_from_volume_node",
    "remove_fact",
    "remove_node",
    "save_scene",
    "segmentation_node_from_labels",
    "segmentation_node_from_masks",
    "segments",
    "series_of_plot",
    "set_fact",
    "set_source_node",
    "slice_picture",
    "source_node_of",
    "study_item",
    "surface_picture",
    "table_from_node",
    "table_node_from_rows",
    "volume_node_from_image",
    "write_png",
]
