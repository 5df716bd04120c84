"""The description of the interface by OpenAPI 3.1, for programs that make clients of it."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from pydantic.json_schema import models_json_schema

from extract.runtime.versions import version
from score.predict.output.prediction_json import PredictionDocument
from score.web.interface_entries import AlertList, ErrorAnswer, HealthAnswer, JobAnswer, JobList

MODELS = (JobAnswer, JobList, AlertList, HealthAnswer, ErrorAnswer, PredictionDocument)
REASONS = {
    400: "The request is wrong.",
    401: "The token is missing or wrong.",
    404: "There is no such thing.",
    408: "Nothing came for a while.",
    409: "The job is not done yet.",
    410: "The job was cancelled.",
    413: "The video is too large.",
    415: "This is not a video that can be scored.",
    421: "The server does not have this name.",
    422: "The video could not be scored.",
    429: "Too many videos wait.",
    507: "There is no room for the video.",
}


@lru_cache(maxsize=1)
def description() -> dict[str, Any]:
    """The document, as plain values."""
    _, schemas = models_json_schema(
        [(model, "serialization") for model in MODELS], ref_template="#/components/schemas/{model}"
    )
    job_id = _parameter("id", "The id of the job.", place="path")
    threshold = _parameter(
        "threshold", "Frames of this score and above are anomalous; without it, the server's.", kind="number"
    )
    name = _parameter("name", "The name of the video, where the body is the video itself.")
    alerts = [
        _parameter("camera", "Only of this camera."),
        _parameter("since", "Only from this time on: Unix time, or ISO 8601."),
        _parameter("limit", "At most this many, the newest.", kind="integer"),
    ]
    paths = {
        "/jobs": {
            "post": {
                **_operation("Send a video", JobAnswer, 202, [400, 408, 413, 415, 429, 507], [name]),
                "requestBody": _video_body(),
            },
            "get": _operation("List the jobs", JobList, 200, []),
        },
        "/jobs/{id}": {
            "get": _operation("Look at a job", JobAnswer, 200, [404], [job_id]),
            "delete": _operation("Cancel a job, or remove its result", None, 204, [404], [job_id]),
        },
        "/jobs/{id}/result": {
            "get": _operation(
                "Intervals and scores of a video",
                PredictionDocument,
                200,
                [400, 404, 409, 410, 422],
                [job_id, threshold],
            )
        },
        "/alerts": {"get": _operation("List events of alerts", AlertList, 200, [400, 404], alerts)},
        "/health": {"get": _operation("Whether the server answers", HealthAnswer, 200, [])},
        "/metrics": {"get": _operation("Numbers for Prometheus", None, 200, [])},
        "/openapi.json": {"get": _operation("This description", None, 200, [])},
    }
    return {
        "openapi": "3.1.0",
        "info": {"title": "vad-score serve", "version": version("vad-pipeline")},
        "paths": paths,
        "components": {
            "schemas": schemas["$defs"],
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
        "security": [{"token": []}],
    }


def _operation(
    about: str, model: type | None, status: int, refusals: list[int], parameters=()
) -> dict[str, Any]:
    answers: dict[str, Any] = {str(status): {"description": about}}
    if model is not None:
        answers[str(status)]["content"] = {"application/json": {"schema": _reference(model)}}
    for number in sorted({*refusals, 401, 421}):
        answers[str(number)] = {
            "description": REASONS[number],
            "content": {"application/json": {"schema": _reference(ErrorAnswer)}},
        }
    return {"summary": about, "parameters": list(parameters), "responses": answers}


def _parameter(name: str, about: str, *, place: str = "query", kind: str = "string") -> dict[str, Any]:
    return {
        "name": name,
        "in": place,
        "description": about,
        "required": place == "path",
        "schema": {"type": kind},
    }


def _video_body() -> dict[str, Any]:
    binary = {"type": "string", "contentMediaType": "application/octet-stream"}
    form = {"type": "object", "properties": {"video": binary}, "required": ["video"]}
    return {
        "required": True,
        "content": {"application/octet-stream": {"schema": {}}, "multipart/form-data": {"schema": form}},
    }


def _reference(model: type) -> dict[str, str]:
    return {"$ref": f"#/components/schemas/{model.__name__}"}
