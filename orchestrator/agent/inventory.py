"""What this machine has: processors, memory and GPUs. What is not there is left out."""

import importlib
import platform
from importlib import metadata
from typing import Any

import psutil

from orchestrator.rules.inventory import GPUS_MAX


def take_inventory() -> dict[str, Any]:
    """Return the inventory as `orchestrator.rules.inventory` reads it."""
    return {
        "system": f"{platform.system()} {platform.machine()}",
        "agent_version": _version(),
        "cpu_count": psutil.cpu_count() or 1,
        "memory_bytes": psutil.virtual_memory().total,
        "gpus": list_gpus(),
    }


def _version() -> str:
    try:
        return metadata.version("allmende")
    except metadata.PackageNotFoundError:
        return ""


def list_gpus() -> list[dict[str, Any]]:
    """Return NVIDIA GPUs through NVML; an empty list without the library, a driver or a card."""
    try:
        nvml = importlib.import_module("pynvml")
    except ImportError:
        return []
    try:
        nvml.nvmlInit()
    except nvml.NVMLError:
        return []
    try:
        count = min(nvml.nvmlDeviceGetCount(), GPUS_MAX)
        return [_gpu(nvml, index) for index in range(count)]
    except nvml.NVMLError:
        return []
    finally:
        nvml.nvmlShutdown()


def _gpu(nvml: Any, index: int) -> dict[str, Any]:
    handle = nvml.nvmlDeviceGetHandleByIndex(index)
    name = nvml.nvmlDeviceGetName(handle)
    found: dict[str, Any] = {
        "name": name.decode() if isinstance(name, bytes) else str(name),
        "memory_bytes": int(nvml.nvmlDeviceGetMemoryInfo(handle).total),
    }
    try:
        found["power_limit_w"] = int(nvml.nvmlDeviceGetPowerManagementLimit(handle)) // 1_000
    except nvml.NVMLError:
        found["power_limit_w"] = None
    return found
