"""Names of alerts: 20261130T151617-yard-1a2b3c4d, which are also the names of their files."""

from __future__ import annotations

import re
from datetime import datetime, timezone

LONGEST_CAMERA = 40  # characters of a camera's name inside that of an alert
NAME = re.compile(r"\d{8}T\d{6}-[A-Za-z0-9_]{1,40}-[0-9a-f]{8}")


def alert_name(began: datetime, camera: str, unique: str) -> str:
    """unique: eight hexadecimal digits. The result fits NAME, whatever the camera's name holds."""
    plain = re.sub(r"[^A-Za-z0-9_]+", "_", camera)[:LONGEST_CAMERA] or "_"
    return f"{began.astimezone(timezone.utc):%Y%m%dT%H%M%S}-{plain}-{unique}"
