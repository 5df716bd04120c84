"""What the HTTP interface answers, as models that its description is made of."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from score.web.job_table import State

UnixTime = Annotated[float, Field(description="Unix time in seconds")]


class Answer(BaseModel):
    """Readers must ignore keys that they do not know, which later versions may add."""

    model_config = ConfigDict(allow_inf_nan=False, use_attribute_docstrings=True)


class ErrorAnswer(Answer):
    """Why a request was refused, in one line."""

    error: str


class JobAnswer(Answer):
    """Where one video stands."""

    id: str
    video: str
    """Its name, as it was sent."""
    bytes: int
    state: State
    stage: str
    """What is done now, in words."""
    progress: float
    """In [0, 1]."""
    before: int
    """How many videos that came earlier still wait or are scored."""
    created: UnixTime
    began: UnixTime | None
    ended: UnixTime | None
    reason: str | None
    """Why it failed, in one line."""


class JobList(Answer):
    """All videos that are known, in the order in which they came."""

    jobs: list[JobAnswer]


class AlertList(Answer):
    """Events of alerts, oldest first, as vad-score watch wrote them."""

    alerts: list[dict]


class HealthAnswer(Answer):
    """The server answers."""

    status: Literal["ok"]
    model: str
    """Display name: head, presets and seeds."""
    open_jobs: int
    """Videos that come in, wait or are scored."""
    seconds: float
    """Since the start."""
