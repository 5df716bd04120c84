"""The times of sound, moved as the clock of the picture was, so that sound stays with its frames."""

from __future__ import annotations

from collections.abc import Sequence

from extract.decode.readers.clock import DISORDER_SECONDS, Piece


class SoundClock:
    """Times of one sound track, in the order of the file. pieces: of the picture's clock.

    piece: number of the one that the last sound belonged to.
    """

    def __init__(self, pieces: Sequence[Piece]):
        self.pieces = list(pieces)
        self.piece = 0
        self._last = float("-inf")

    def seconds(self, raw: float) -> float | None:
        """When sound of the container's time `raw` is heard; None in a pause that the picture leaves out."""
        while self.piece + 1 < len(self.pieces):
            after = self.pieces[self.piece + 1]
            begins_again = after.start < after.end_before
            if raw < self._last - DISORDER_SECONDS if begins_again else raw >= after.start:
                self.piece += 1
                self._last = raw
            else:
                break
        self._last = max(self._last, raw)
        if self.piece + 1 < len(self.pieces) and raw >= self.pieces[self.piece + 1].end_before:
            return None
        return raw + (self.pieces[self.piece].moved if self.pieces else 0.0)
