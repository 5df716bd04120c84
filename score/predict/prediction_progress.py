"""Progress of a prediction: extraction of one preset after another, then scoring."""

from __future__ import annotations

from extract.runtime.progress import Progress


class PredictionProgress(Progress):
    """Extraction progress with a hook per phase. Any method may raise to end the work."""

    def extracting(self, number: int, of: int) -> None:
        """Extraction of preset `number` (from 0) of `of` presets begins."""

    def scoring(self) -> None:
        """All features are extracted; scoring begins."""
