"""How far a prediction is: extraction of one preset after another, then scores."""

from __future__ import annotations

from extract.runtime.progress import Progress


class Steps(Progress):
    """An extract.runtime.progress.Progress that is also told what begins. Either method may end the work by raising."""

    def extracting(self, number: int, of: int) -> None:
        """The features of preset `number` of so many, counted from 0, are made from now on."""

    def scoring(self) -> None:
        """All features are there and are scored from now on."""
