"""Facts about the machine and the installed versions, reported beside measured values."""

import os
import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import psutil

from pipeline import __version__

_PACKAGES = ("atomicshm", "azure-ai-voicelive", "aiohttp", "numpy", "uvloop")


def machine_facts() -> dict[str, str]:
    """Return processor, memory, system and the versions of packages that matter for speed."""
    return {
        "processor": f"{_processor()}, {os.cpu_count()} logical",
        "memory": f"{psutil.virtual_memory().total / 1e9:.0f} GB",
        "system": platform.platform(),
        "voice-pipeline": __version__,
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        **{package: _version(package) for package in _PACKAGES},
    }


def _processor() -> str:
    """Return the model; on Linux from /proc, as `platform` does not know it there."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    models = [line.split(":")[1].strip() for line in lines if line.startswith("model name")]
    return models[0] if models else platform.machine()


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"
