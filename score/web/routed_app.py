"""Routes -> an app whose refusals are one line of JSON each."""

from __future__ import annotations

from collections.abc import Sequence

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from score.web.gate import failure_line, refused
from score.web.query_values import QueryError


def routed_app(routes: Sequence[Route], *, help_line: str) -> Starlette:
    """An app that the gate stands before. help_line: where to find what there is, for unknown addresses."""

    async def refuse(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        own = {
            "Not Found": f"there is nothing at this address; {help_line}",
            "Method Not Allowed": f"{request.method[:20]} is not possible at this address; {help_line}",
        }
        # What Starlette itself raises says only the name of its number.
        return refused(error.status_code, own.get(error.detail, error.detail), **(error.headers or {}))

    async def refuse_query(_request: Request, error: Exception) -> Response:
        return refused(400, str(error))

    async def fail(_request: Request, error: Exception) -> Response:
        return refused(500, failure_line(error))  # and the gate logs it

    handlers = {HTTPException: refuse, QueryError: refuse_query, Exception: fail}
    return Starlette(routes=list(routes), exception_handlers=handlers)
