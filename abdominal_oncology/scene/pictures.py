"""Pictures: put side by side, written as PNG; and offscreen windows where a picture needs OpenGL."""

from __future__ import annotations

from collections.abc import Sequence
from ctypes.util import find_library
from pathlib import Path
from typing import Any

import numpy as np
import vtk
from numpy.typing import NDArray
from vtk.util import numpy_support

from abdominal_oncology.errors import InvalidInputError, MissingDependencyError
from abdominal_oncology.scene.quiet import quiet

Picture = NDArray[np.uint8]
"""RGB, shape (height, width, 3), top row first."""


def offscreen_window(width: int, height: int) -> Any:
    """A render window without a screen, with one black renderer. It needs OpenGL: a driver, EGL, or Mesa."""
    with quiet():  # without a display VTK says so once and takes EGL or Mesa
        window = vtk.vtkRenderWindow()
        if window.GetClassName() == "vtkOSOpenGLRenderWindow" and find_library("OSMesa") is None:
            raise MissingDependencyError(  # VTK itself would crash at the first picture
                "a three-dimensional picture needs OpenGL, and this machine has none",
                remedy="install EGL or Mesa (on Debian and Ubuntu: libegl1 and libgl1-mesa-dri)",
            )
        window.SetOffScreenRendering(1)
        window.SetShowWindow(False)
        window.SetMultiSamples(0)
        window.SetSize(width, height)
        window.AddRenderer(vtk.vtkRenderer())
    return window


def grab(window: Any) -> Picture:
    """Draw a window and take its pixels."""
    window.Render()
    shot = vtk.vtkWindowToImageFilter()
    shot.SetInput(window)
    shot.ReadFrontBufferOff()
    shot.ShouldRerenderOff()
    shot.Update()
    image = shot.GetOutput()
    width, height, _ = image.GetDimensions()
    pixels = numpy_support.vtk_to_numpy(image.GetPointData().GetScalars()).reshape(height, width, 3)
    picture: Picture = pixels[::-1].copy()
    return picture


def montage(pictures: Sequence[Picture], columns: int) -> Picture:
    """Pictures of one size side by side, row by row, on black.

    >>> montage([np.zeros((2, 3, 3), np.uint8)] * 3, columns=2).shape
    (4, 6, 3)
    """
    if not pictures or len({each.shape for each in pictures}) != 1:
        raise InvalidInputError("a montage needs pictures, all of one size")
    height, width, _ = pictures[0].shape
    rows = -(-len(pictures) // columns)
    sheet = np.zeros((rows * height, columns * width, 3), np.uint8)
    for place, each in enumerate(pictures):
        row, column = divmod(place, columns)
        sheet[row * height : (row + 1) * height, column * width : (column + 1) * width] = each
    return sheet


def png_bytes(picture: Picture) -> bytes:
    """A picture as the bytes of a PNG file.

    >>> png_bytes(np.zeros((2, 3, 3), np.uint8))[:4]
    b'\\x89PNG'
    """
    if picture.ndim != 3 or picture.shape[2] != 3 or picture.dtype != np.uint8:
        raise InvalidInputError("a picture is an array (height, width, 3) of bytes")
    image = vtk.vtkImageData()
    image.SetDimensions(picture.shape[1], picture.shape[0], 1)
    pixels = np.ascontiguousarray(picture[::-1]).reshape(-1, 3)
    image.GetPointData().SetScalars(numpy_support.numpy_to_vtk(pixels, deep=True))
    writer = vtk.vtkPNGWriter()
    writer.SetInputData(image)
    writer.WriteToMemoryOn()
    writer.Write()
    return bytes(numpy_support.vtk_to_numpy(writer.GetResult()).tobytes())


def write_png(picture: Picture, path: str | Path) -> Path:
    """Write a picture as PNG, its folder included, and return its path."""
    target = Path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(png_bytes(picture))
    return target
