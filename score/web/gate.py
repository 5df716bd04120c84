"""Who may ask: the gate before everything that is served.

A request passes if its Host is a name of this server, and if it states the token (`Authorization: Bearer`)
or, where pages are served, the session of a browser that gave the token before. Another page in the same
browser cannot use that session: the cookie is not sent from other sites, and what changes something must come
from a page of this server.
"""

from __future__ import annotations

import ipaddress
import logging
from collections.abc import Collection
from urllib.parse import urlsplit

from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from extract.runtime.say import traceback_lines
from score.web.access_token import SESSION_SECONDS, AccessToken

LOGIN = "/login"
SAFE_METHODS = ("GET", "HEAD")
HEADERS = {
    # Only our own files run or are shown, no page may frame ours, and forms lead nowhere else.
    "content-security-policy": "default-src 'none'; img-src 'self' data:; media-src 'self'; "
    "style-src 'self'; script-src 'self'; connect-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    # Under "no-referrer" browsers would state no origin for our own forms either.
    "referrer-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "permissions-policy": "camera=(), microphone=(), geolocation=()",
    "cache-control": "no-store",
}
log = logging.getLogger(__name__)


class Gate:
    """ASGI middleware around an app. names: of this server besides addresses and localhost.

    public: paths that need no token, such as the login page and its style. Without any, a request without a
    token is answered with 401; with some, a browser is led to LOGIN.
    """

    def __init__(
        self, app: ASGIApp, token: AccessToken, *, names: Collection[str] = (), public: Collection[str] = ()
    ):
        self.app, self.token, self.public = app, token, frozenset(public)
        self.names = frozenset(each.casefold() for each in (*names, "localhost"))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        begun = False

        async def guarded(message: Message) -> None:
            nonlocal begun
            if message["type"] == "http.response.start":
                begun = True
                own = [(name.encode(), value.encode()) for name, value in HEADERS.items()]
                given = {name.lower() for name, _ in message["headers"]}
                message["headers"] = [*message["headers"], *(each for each in own if each[0] not in given)]
            await send(message)

        try:
            refusal = self._refusal(scope)
            await (self.app if refusal is None else refusal)(scope, receive, guarded)
        except Exception as error:
            # A bug: whoever asks gets one line, developers find the traceback in the log.
            log.error("a request failed\n%s", "\n".join(traceback_lines(error)))
            if not begun:
                await refused(500, failure_line(error))(scope, receive, guarded)

    def _refusal(self, scope: Scope) -> Response | None:
        hosts = _values(scope, b"host")
        if len(hosts) != 1 or not self._is_own(hosts[0]):
            return refused(421, "this server has no such name; use its address, or start it with --name")
        if scope["path"] in self.public:
            return None
        if stated := _values(scope, b"authorization"):
            kind, _, given = stated[0].partition(" ")
            if len(stated) == 1 and kind.lower() == "bearer" and self.token.matches(given.strip()):
                return None
            return _no_token("the token is wrong; the line that the server printed at start names its file")
        if self.public and any(self.token.is_session(each) for each in sessions(scope)):
            if scope["method"] in SAFE_METHODS or is_own_page(scope):
                return None
            return refused(403, "this did not come from a page of this server; reload the page")
        wanted = "".join(_values(scope, b"accept"))
        if self.public and scope["method"] == "GET" and "text/html" in wanted:
            return RedirectResponse(LOGIN, 303)
        return _no_token("the token is missing; send the header Authorization: Bearer TOKEN")

    def _is_own(self, host: str) -> bool:
        """Whether a Host is a name of this server.

        Any address will do: only a name can be made to lead here by somebody else (DNS rebinding).
        """
        try:
            name = urlsplit(f"//{host}").hostname or ""
        except ValueError:
            return False
        if name.casefold().rstrip(".") in self.names:
            return True
        try:
            ipaddress.ip_address(name)
        except ValueError:
            return False
        return True


def refused(status: int, reason: str, **headers: str) -> JSONResponse:
    """An answer that says in one line why there is no other."""
    return JSONResponse({"error": reason}, status, headers=headers or None)


def failure_line(error: Exception) -> str:
    """What whoever asks reads of a bug."""
    return f"the program failed ({type(error).__name__}); its log says where"


def is_own_page(scope: Scope) -> bool:
    """Whether a browser says that a page of this server asks."""
    origins, hosts = _values(scope, b"origin"), _values(scope, b"host")
    return len(origins) == 1 and urlsplit(origins[0]).netloc.casefold() == hosts[0].casefold()


def cookie_name(scope: Scope) -> str:
    """With the port, because browsers send the cookies of a host to all of its ports."""
    return f"vad_session_{(scope.get('server') or ('', 0))[1]}"


def sessions(scope: Scope) -> list[str]:
    """The sessions that a browser states.

    Other servers of the machine put their cookies beside ours; none of them, whatever it holds, may hide it.
    """
    name, pairs = cookie_name(scope), ";".join(_values(scope, b"cookie")).split(";")
    return [
        value.strip()
        for key, sign, value in (each.partition("=") for each in pairs)
        if sign and key.strip() == name
    ]


def session_cookie(scope: Scope, token: AccessToken | None) -> str:
    """The value of Set-Cookie that logs a browser in, or out without a token. No script can read it."""
    value, seconds = ("", 0) if token is None else (token.session(), SESSION_SECONDS)
    return f"{cookie_name(scope)}={value}; Max-Age={seconds}; Path=/; HttpOnly; SameSite=Strict"


def _no_token(reason: str) -> JSONResponse:
    return refused(401, reason, **{"WWW-Authenticate": "Bearer"})


def _values(scope: Scope, name: bytes) -> list[str]:
    return [value.decode("latin-1") for key, value in scope["headers"] if key.lower() == name]
