"""Packages that a trained network needs inside Slicer: what is missing, and the one step that installs it.

torch comes from the PyTorch extension, which knows the build that fits the graphics card. The others are installed
with torch and all that Slicer brings skipped, so that nothing of Slicer's own is replaced.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib import invalidate_caches
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from abdominal_oncology.errors import Cancelled, MissingDependencyError
from abdominal_oncology.panels.text import tr

NETWORK_MODULES = ("torch", "monai", "safetensors", "yaml")
"""What is imported to load and run a bundle."""

_KEEP = ("torch", "torchvision", "numpy", "scipy", "SimpleITK", "pydicom")
_REQUIREMENTS = Path(__file__).resolve().parents[2] / "requirements.txt"
_OFFLINE = ("connection", "network is unreachable", "resolve", "timed out", "retries", "no matching distribution")


def missing_for_networks() -> tuple[str, ...]:
    """The modules of :data:`NETWORK_MODULES` that are not installed; nothing is imported."""
    return tuple(name for name in NETWORK_MODULES if find_spec(name) is None)


def ask_person(text: str) -> bool:
    """OK or Cancel in a dialog; in Slicer's testing mode it is Cancel."""
    import slicer

    return bool(slicer.util.confirmOkCancelDisplay(text, windowTitle=tr("Install packages")))


def install_for_networks(missing: Sequence[str], ask: Callable[[str], bool] = ask_person) -> None:
    """Ask once, then install. Declined is Cancelled; what cannot be had is a MissingDependencyError."""
    if not ask(_question(missing)):
        raise Cancelled(
            tr("the installation was declined"),
            remedy=tr("click 'Install packages...' when you want it, or choose to go on without a model"),
        )
    try:
        if "torch" in missing:
            _install_torch()
        if set(missing) - {"torch"}:
            _install_others()
    except (RuntimeError, OSError) as problem:  # pip's failure, and the user's No in a dialog of Slicer's
        raise _failed(str(problem)) from problem
    invalidate_caches()
    left = missing_for_networks()
    if left:
        raise _failed(tr("still missing: {names}").format(names=", ".join(left)))


def _question(missing: Sequence[str]) -> str:
    return tr(
        "A trained model needs packages that Slicer does not bring: {names}.\n\n"
        "They are downloaded from the Python Package Index (up to about 1 GB with PyTorch) and installed into this "
        "Slicer's own Python. Packages of Slicer are not changed, and no image leaves this computer.\n\nInstall now?"
    ).format(names=", ".join(missing))


def _install_torch() -> None:
    try:
        import PyTorchUtils  # type: ignore[import-not-found]  # of the PyTorch extension
    except ImportError:
        raise MissingDependencyError(
            tr("the extension PyTorch is not installed"),
            remedy=tr("install PyTorch in the Extensions Manager and restart Slicer"),
        ) from None
    if PyTorchUtils.PyTorchUtilsLogic().installTorch(askConfirmation=False) is None:
        raise RuntimeError(tr("PyTorch was not installed"))


def _install_others() -> None:
    from slicer import packaging

    packaging.pip_ensure(
        packaging.load_requirements(str(_REQUIREMENTS)),
        skip_packages=list(_KEEP),
        prompt_install=False,  # asked already, once for all
        requester="AbdominalOncology",
        skip_in_testing=False,
    )


def _failed(told: str) -> MissingDependencyError:
    offline: Any = any(word in told.lower() for word in _OFFLINE)
    if offline:
        return MissingDependencyError(
            tr("the packages could not be downloaded: {told}").format(told=told),
            remedy=tr(
                "connect this computer to the internet and try again; or, on another computer, download the wheels "
                "named in requirements.txt and install them with Slicer's pip; until then answers come without a model"
            ),
        )
    return MissingDependencyError(
        tr("the packages could not be installed: {told}").format(told=told),
        remedy=tr("look at the log of Slicer; answers come without a model until then"),
    )
