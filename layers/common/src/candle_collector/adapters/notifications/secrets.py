"""A setting that is a secret: in the environment, or in a file that the environment names."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from candle_collector.errors import SettingError


def secret(name: str, environment: Mapping[str, str]) -> str:
    """Return a secret, empty where it is not set.

    Raises
    ------
    SettingError
        Both places have one, or the file cannot be read.
    """
    value, file = environment.get(name, ""), environment.get(f"{name}_FILE", "")
    if value and file:
        raise SettingError(f"{name} and {name}_FILE are both set; set one of them")
    if not file:
        return value
    try:
        return Path(file).read_text(encoding="utf-8").strip()
    except (OSError, ValueError) as error:
        raise SettingError(f"{name}_FILE names {file}, which cannot be read: {type(error).__name__}") from None
