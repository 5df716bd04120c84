"""CRC-32C (Castagnoli), the checksum of TensorFlow's checkpoint files (RFC 3720, appendix B.4)."""

from __future__ import annotations

from functools import cache

import numpy as np

POLYNOMIAL = 0x82F63B78  # 0x1EDC6F41 with its bits reversed
MASK_DELTA = 0xA282EAD8


def crc32c(content: bytes | np.ndarray) -> int:
    """The checksum of bytes, or of an array's bytes in C order."""
    if isinstance(content, np.ndarray):
        octets = np.ascontiguousarray(content).reshape(-1).view(np.uint8)
    else:
        octets = np.frombuffer(content, np.uint8)
    return int(_compiled()(octets, table()))


def masked(checksum: int) -> int:
    """As TensorFlow stores it: rotated right by 15 bits and shifted by a constant, modulo 2^32."""
    rotated = (checksum >> 15 | checksum << 17) & 0xFFFFFFFF
    return (rotated + MASK_DELTA) & 0xFFFFFFFF


@cache
def table() -> np.ndarray:
    """uint32 [256]: the checksum that each byte makes of zero."""
    values = np.arange(256, dtype=np.uint32)
    for _ in range(8):
        values = np.where(values & 1, values >> 1 ^ np.uint32(POLYNOMIAL), values >> 1)
    return values


@cache
def _compiled():
    # Imported here: numba takes a second to import and compile, and only proofs need it.
    from numba import njit, types

    octets_type = types.Array(types.uint8, 1, "C", readonly=True)  # takes what may be written to as well

    @njit(types.uint32(octets_type, types.uint32[::1]))
    def run(octets, effect):
        checksum = np.uint32(0xFFFFFFFF)
        for octet in octets:
            checksum = effect[(checksum ^ octet) & np.uint32(0xFF)] ^ (checksum >> np.uint32(8))
        return checksum ^ np.uint32(0xFFFFFFFF)

    return run
