"""The HTTP interface of vad-score serve: videos in, intervals and scores out."""

from __future__ import annotations

import time
import weakref

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from extract.runtime.foreign.printable import as_utf8, printable
from score.jobs.job import Job, one_line
from score.jobs.scoring_server import ScoringServer
from score.jobs.upload_scoring import UploadResult
from score.jobs.uploads import Upload, UploadError
from score.predict.output.prediction_json import json_text, to_json
from score.web.alert_events import AlertEvents
from score.web.gate import refused
from score.web.interface_description import description
from score.web.interface_entries import AlertList, HealthAnswer, JobAnswer, JobList
from score.web.interface_metrics import METRICS_TYPE, metrics_text
from score.web.job_table import Entry, JobTable, TooManyJobs
from score.web.query_values import number_of, query_of, time_of
from score.web.routed_app import routed_app
from score.web.upload_stream import BodyError, announced_size, save_body, too_large

FORM_BYTES = 1 << 17  # that a form may add to its video
NAME_CHARACTERS = 255
MAX_ALERTS = 1000  # in one answer, unless fewer are asked for
RETRY_SECONDS = "30"


class ScoringInterface:
    """Requests -> jobs of one ScoringServer. alerts: what GET /alerts reads; None answers 404.

    max_jobs: videos that may come in, wait or be scored at a time. keep_seconds: for results.
    """

    def __init__(
        self, server: ScoringServer, *, max_jobs: int, keep_seconds: float, alerts: AlertEvents | None = None
    ):
        self.server, self.alerts, self.started = server, alerts, time.time()
        self.largest = server.settings.max_megabytes * 1_000_000
        self.received_bytes = 0
        self.table = JobTable(
            make=lambda present: server.job(self._work, present),
            close=server.close,
            max_open=max_jobs,
            keep_seconds=keep_seconds,
        )
        self._uploads: weakref.WeakKeyDictionary[Job, Upload] = weakref.WeakKeyDictionary()

    def app(self) -> Starlette:
        routes = [
            Route("/jobs", self.send, methods=["POST"]),
            Route("/jobs", self.list, methods=["GET"]),
            Route("/jobs/{id}", self.look, methods=["GET"]),
            Route("/jobs/{id}", self.remove, methods=["DELETE"]),
            Route("/jobs/{id}/result", self.result, methods=["GET"]),
            Route("/alerts", self.list_alerts, methods=["GET"]),
            Route("/health", self.health, methods=["GET"]),
            Route("/metrics", self.metrics, methods=["GET"]),
            Route("/openapi.json", self.describe, methods=["GET"]),
        ]
        return routed_app(routes, help_line="GET /openapi.json lists what there is")

    async def send(self, request: Request) -> Response:
        """Take a video; its job waits for its turn."""
        name = query_of(request, ("name",)).get("name", "video.mp4")[:NAME_CHARACTERS]
        try:
            entry = self.table.open()
        except TooManyJobs:
            reason = f"{self.table.max_open} videos already wait or are scored; send this one again later"
            return refused(429, reason, **{"Retry-After": RETRY_SECONDS})
        except OSError as error:  # such as a full disk
            return refused(507, f"the video cannot be kept here: {one_line(error)}")
        accepted = False
        try:
            if (announced_size(request) or 0) > self.largest + FORM_BYTES:
                raise BodyError(413, too_large(self.largest))
            path, name, entry.size = await save_body(
                request, entry.job.folder / "upload", name=name, largest=self.largest
            )
            self.received_bytes += entry.size
            entry.name = as_utf8(name[:NAME_CHARACTERS])
            self._uploads[entry.job] = await run_in_threadpool(self.server.check, path, printable(entry.name))
            entry.job.start()
            entry.is_uploading, accepted = False, True
        except BodyError as error:
            return refused(error.status, str(error))
        except UploadError as error:
            return refused(415, str(error))
        except OSError as error:
            if self.table.get(entry.id) is None:  # its folder went with it
                return refused(410, f"the job {entry.id} was removed while its video came in")
            return refused(507, f"the video cannot be kept here: {one_line(error)}")
        finally:
            if not accepted:
                self.table.remove(entry)
        answer = self._answer(entry)
        return JSONResponse(answer, 202, headers={"Location": f"/jobs/{entry.id}"})

    async def list(self, request: Request) -> Response:
        query_of(request, ())
        return JSONResponse(JobList(jobs=[self._entry(each) for each in self.table.all()]).model_dump())

    async def look(self, request: Request) -> Response:
        query_of(request, ())
        return JSONResponse(self._answer(self._found(request)))

    async def remove(self, request: Request) -> Response:
        """Cancel a job, or forget its result."""
        entry = self._found(request)
        self.table.remove(entry)
        return Response(status_code=204)

    async def result(self, request: Request) -> Response:
        """The JSON of vad-score predict, at the threshold of the server or of the request."""
        given, entry = query_of(request, ("threshold",)), self._found(request)
        found, state = entry.job.value, entry.state
        if state == "failed":
            raise HTTPException(422, entry.job.reason)
        if state == "cancelled":
            raise HTTPException(410, f"the job {entry.id} was cancelled")
        if not isinstance(found, UploadResult):
            raise HTTPException(409, f"the job {entry.id} is not done yet: {entry.job.stage}")
        threshold, source = found.thresholds[0], self.server.models[0].threshold()[1]
        if self.server.settings.threshold is not None:
            source = "given at the start of the server"
        if "threshold" in given:
            threshold = number_of(given["threshold"], "threshold", lowest=0, highest=1)
            source = "given in the request"
        prediction = found.prediction(0, threshold, threshold_from=source)
        text = await run_in_threadpool(lambda: json_text(to_json(prediction)))
        return Response(text, media_type="application/json")

    async def list_alerts(self, request: Request) -> Response:
        """Events of alerts, oldest first; of more than the limit, the newest."""
        given = query_of(request, ("camera", "since", "limit"))
        if self.alerts is None:
            raise HTTPException(404, "this server was started without --alerts FOLDER")
        since = time_of(given["since"], "since") if "since" in given else None
        limit = number_of(given.get("limit", str(MAX_ALERTS)), "limit", lowest=1, highest=MAX_ALERTS)
        found = await run_in_threadpool(
            self.alerts.read, camera=given.get("camera"), since=since, limit=int(limit)
        )
        return JSONResponse(AlertList(alerts=found).model_dump())

    async def health(self, request: Request) -> Response:
        query_of(request, ())
        answer = HealthAnswer(
            status="ok",
            model=self.server.models[0].title,
            open_jobs=sum(not each.is_over for each in self.table.all()),
            seconds=round(time.time() - self.started, 1),
        )
        return JSONResponse(answer.model_dump())

    async def metrics(self, request: Request) -> Response:
        query_of(request, ())
        return Response(metrics_text(self), headers={"content-type": METRICS_TYPE})

    async def describe(self, request: Request) -> Response:
        query_of(request, ())
        return JSONResponse(description())

    def _work(self, job: Job) -> UploadResult:
        job.report("Opening the video", 0.0)
        found = self.server.score(job, self._uploads.pop(job), pictures=False)
        # Only the scores are asked for later.
        job.empty()
        return found

    def _found(self, request: Request) -> Entry:
        """The job of an address. Raises HTTPException."""
        entry = self.table.get(request.path_params["id"])
        if entry is None:
            raise HTTPException(
                404, "there is no such job; it was removed, or its result was kept long enough"
            )
        return entry

    def _answer(self, entry: Entry) -> dict:
        return self._entry(entry).model_dump()

    def _entry(self, entry: Entry) -> JobAnswer:
        job, state = entry.job, entry.state
        return JobAnswer(
            id=entry.id,
            video=entry.name,
            bytes=entry.size,
            state=state,
            stage=job.stage if state in ("waiting", "working") else "",
            progress=1.0 if state == "done" else job.share,
            before=0 if entry.is_over else self.table.position(entry),
            created=entry.created,
            began=job.began,
            ended=job.ended,
            reason=as_utf8(job.reason) if state == "failed" else None,
        )
