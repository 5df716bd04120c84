"""The page of a watch: cameras, scores, alerts, and what people say about them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import asdict
from functools import lru_cache
from importlib import resources
from pathlib import Path
from urllib.parse import parse_qs

from jinja2 import Environment, PackageLoader
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from extract.runtime.foreign.printable import printable
from score.alerts.alert_folder import CLIPS, PICTURES
from score.alerts.alert_names import NAME
from score.web.access_token import AccessToken
from score.web.alert_events import kept_file
from score.web.gate import LOGIN, is_own_page, session_cookie
from score.web.live_board import LiveBoard
from score.web.query_values import number_of, query_of
from score.web.request_values import json_values, small_body
from score.web.routed_app import routed_app
from score.web.verdicts import Verdict, Verdicts

STYLE, SCRIPT = "/live.css", "/live.js"
PUBLIC = (LOGIN, STYLE)  # what a browser without a session may load
WRONG_TOKEN_SECONDS = 1.0
MISSED_SECONDS = (1.0, 600.0)
CONTENT_TYPES = {CLIPS: "video/mp4", PICTURES: "image/jpeg"}


class LivePage:
    """board: what is shown. folder: of alerts, for clips, pictures and verdicts; None shows none."""

    def __init__(
        self,
        board: LiveBoard,
        token: AccessToken,
        *,
        folder: Path | None = None,
        verdicts: Verdicts | None = None,
    ):
        self.board, self.token, self.folder, self.verdicts = board, token, folder, verdicts

    def app(self) -> Starlette:
        routes = [
            Route("/", self.page, methods=["GET"]),
            Route(LOGIN, self.show_login, methods=["GET"]),
            Route(LOGIN, self.log_in, methods=["POST"]),
            Route("/logout", self.log_out, methods=["POST"]),
            Route(STYLE, _file("live.css", "text/css"), methods=["GET"]),
            Route(SCRIPT, _file("live.js", "text/javascript"), methods=["GET"]),
            Route("/live", self.state, methods=["GET"]),
            Route("/cameras/{number}/frame.jpg", self.frame, methods=["GET"]),
            Route("/cameras/{number}/missed", self.missed, methods=["POST"]),
            Route("/alerts/{id}/picture.jpg", self.picture, methods=["GET"]),
            Route("/alerts/{id}/clip.mp4", self.clip, methods=["GET"]),
            Route("/alerts/{id}/verdict", self.say, methods=["POST"]),
        ]
        return routed_app(routes, help_line="the page itself is at /")

    async def page(self, _request: Request) -> Response:
        can_say = self.verdicts is not None
        return HTMLResponse(_template("live.html").render(title=printable(self.board.title), can_say=can_say))

    async def show_login(self, _request: Request) -> Response:
        return HTMLResponse(_template("login.html").render(problem=""))

    async def log_in(self, request: Request) -> Response:
        """Token -> a cookie that no script reads; the token itself stays out of the browser's hands."""
        if "origin" in request.headers and not is_own_page(request.scope):
            raise HTTPException(403, "this did not come from a page of this server; reload the page")
        fields = parse_qs((await small_body(request)).decode("utf-8", "replace"), max_num_fields=4)
        if not self.token.matches(fields.get("token", [""])[0].strip()):
            await asyncio.sleep(WRONG_TOKEN_SECONDS)
            problem = "That is not the token. The line that the watch printed at start names its file."
            return HTMLResponse(_template("login.html").render(problem=problem), 401)
        answer = RedirectResponse("/", 303)
        answer.headers["set-cookie"] = session_cookie(request.scope, self.token)
        return answer

    async def log_out(self, request: Request) -> Response:
        answer = RedirectResponse(LOGIN, 303)
        answer.headers["set-cookie"] = session_cookie(request.scope, None)
        return answer

    async def state(self, request: Request) -> Response:
        given = query_of(request, ("after", "alerts"))
        after = number_of(given.get("after", "0"), "after", lowest=0, highest=1e15)
        version = number_of(given.get("alerts", "-1"), "alerts", lowest=-1, highest=1e15)
        return JSONResponse(self.board.snapshot(after=int(after), alerts_version=int(version)))

    async def frame(self, request: Request) -> Response:
        found = await run_in_threadpool(self.board.picture, self._number(request))
        if found is None:
            raise HTTPException(404, "this camera has sent no frame yet")
        return Response(found[1], media_type="image/jpeg", headers={"x-frame": str(found[0])})

    async def picture(self, request: Request) -> Response:
        return self._kept(request, PICTURES)

    async def clip(self, request: Request) -> Response:
        return self._kept(request, CLIPS)

    async def say(self, request: Request) -> Response:
        """A verdict on an alert."""
        alert_id, values = request.path_params["id"], await json_values(request, kind=str, note=str)
        if not self.board.has_alert(alert_id) or not NAME.fullmatch(alert_id):
            raise HTTPException(404, "there is no such alert")
        camera = self.board.camera_of_alert(alert_id)
        return await self._said(lambda said: said.say(alert_id, camera, values["kind"], values["note"]))

    async def missed(self, request: Request) -> Response:
        """Keep the last seconds of a camera, because an anomaly was missed there."""
        camera, values = self._camera(request), await json_values(request, seconds=(int, float), note=str)
        seconds = number_of(
            str(values["seconds"]), "seconds", lowest=MISSED_SECONDS[0], highest=MISSED_SECONDS[1]
        )
        return await self._said(lambda said: said.missed(camera, seconds, values["note"]))

    async def _said(self, write: Callable[[Verdicts], Verdict]) -> Response:
        if self.verdicts is None:
            raise HTTPException(409, "nothing is kept here; start the watch with --alerts FOLDER")
        try:
            verdict = await run_in_threadpool(write, self.verdicts)
        except ValueError as error:
            raise HTTPException(422, " ".join(str(error).split())) from None
        except OSError as error:
            raise HTTPException(507, f"that could not be written: {error.strerror}") from None
        self.board.mark(verdict)
        return JSONResponse(asdict(verdict), 201)

    def _camera(self, request: Request) -> str:
        return self.board.names()[self._number(request)]

    def _number(self, request: Request) -> int:
        """Of a camera. Not a matter of the route, whose numbers may have more digits than Python takes."""
        known, given = range(len(self.board.names())), request.path_params["number"]
        found = next((each for each in known if str(each) == given), None)
        if found is None:
            raise HTTPException(404, "there is no such camera")
        return found

    def _kept(self, request: Request, kind: str) -> Response:
        """A file of an alert."""
        path = None
        if self.folder is not None:
            path = kept_file(self.folder, kind, request.path_params["id"])
        if path is not None:
            return FileResponse(path, media_type=CONTENT_TYPES[kind])
        raise HTTPException(404, "this alert has no such file; it may have been removed, as old ones are")


@lru_cache(maxsize=1)
def _environment() -> Environment:
    return Environment(loader=PackageLoader("score.web", "page"), autoescape=True)


def _template(name: str):
    return _environment().get_template(name)


def _file(name: str, media_type: str):
    """A request handler that sends a file of ours."""
    content = (resources.files("score.web") / "page" / name).read_text(encoding="utf-8")

    async def send(_request: Request) -> Response:
        return Response(content, media_type=media_type)

    return send
