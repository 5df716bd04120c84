"""Damage to the bytes of a file: what disks, downloads and attackers do."""

from __future__ import annotations

import random
from collections.abc import Callable

# Numbers that break arithmetic on sizes and offsets.
EDGES = (
    b"\0",
    b"\xff",
    b"\x7f\xff\xff\xff",
    b"\xff\xff\xff\x7f",
    b"\xff" * 8,
    b"\0" * 8,
    b"\x80" + b"\0" * 7,
)
WORDS = (
    b"NaN",
    b"-1",
    b"1e999",
    b"99999999999999999999",
    b"../../etc/passwd",
    b"/dev/zero",
    b"null",
    b'"',
    b"\n",
    b"\x1b[31m",
)


def flipped(content: bytes, chance: random.Random) -> bytes:
    """One to four bytes have other values."""
    changed = bytearray(content)
    for _ in range(chance.choice((1, 1, 1, 2, 4))):
        changed[chance.randrange(len(changed))] ^= chance.randrange(1, 256)
    return bytes(changed)


def truncated(content: bytes, chance: random.Random) -> bytes:
    """The end is missing, as after a download that broke off."""
    return content[: chance.randrange(len(content))]


def spliced(content: bytes, chance: random.Random) -> bytes:
    """A part is copied over, inserted at, or cut out of another place."""
    start, stop = sorted(chance.randrange(len(content)) for _ in range(2))
    at = chance.randrange(len(content))
    part = content[start : min(stop, start + 4096)]
    return chance.choice(
        (
            content[:at] + part + content[at + len(part) :],
            content[:at] + part + content[at:],
            content[:start] + content[stop:],
        )
    )


def edged(content: bytes, chance: random.Random) -> bytes:
    """A number at the edge of its type, or a word that means something elsewhere, stands somewhere."""
    at, new = chance.randrange(len(content)), chance.choice(EDGES + WORDS)
    return content[:at] + new + content[at + (len(new) if chance.random() < 0.7 else 0) :]


def zeroed(content: bytes, chance: random.Random) -> bytes:
    """A block is zeros, as after a power cut."""
    at = chance.randrange(len(content))
    length = min(chance.choice((16, 512, 4096)), len(content) - at)
    return content[:at] + bytes(length) + content[at + length :]


MUTATIONS: dict[str, Callable[[bytes, random.Random], bytes]] = {
    "flip": flipped,
    "flip again": flipped,  # twice as likely, because only flips look sound
    "truncate": truncated,
    "splice": spliced,
    "edge": edged,
    "zero": zeroed,
}


def mutated(content: bytes, seed: str) -> tuple[str, bytes]:
    """(name of the mutation, other bytes), always the same for a seed."""
    chance = random.Random(seed)
    while True:
        name = chance.choice(list(MUTATIONS))
        if (changed := MUTATIONS[name](content, chance)) != content:
            return name, changed
