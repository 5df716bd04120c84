"""The small bodies of requests of a page: what a form or a JSON object states."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request

BODY_BYTES, BODY_SECONDS = 1 << 14, 20.0


async def small_body(request: Request) -> bytes:
    """Small and soon: whoever has no token yet must not hold a connection. Raises HTTPException."""

    async def read() -> bytes:
        content = b""
        async for chunk in request.stream():
            content += chunk
            if len(content) > BODY_BYTES:
                raise HTTPException(413, f"the request is larger than {BODY_BYTES} bytes")
        return content

    try:
        return await asyncio.wait_for(read(), BODY_SECONDS)
    except asyncio.TimeoutError:
        raise HTTPException(408, f"the request was not complete after {BODY_SECONDS:g} s") from None


async def json_values(request: Request, **kinds: Any) -> dict[str, Any]:
    """The JSON object of a request, which has exactly these values. Raises HTTPException."""
    expected = f"expected a JSON object with {', '.join(kinds)}"
    # Forms of other pages cannot state this type.
    if request.headers.get("content-type", "").partition(";")[0].strip() != "application/json":
        raise HTTPException(415, f"Content-Type is not application/json; {expected}")
    try:
        values = json.loads(await small_body(request))
    except (ValueError, RecursionError):
        raise HTTPException(400, f"this is no JSON; {expected}") from None
    if not isinstance(values, dict) or set(values) != set(kinds):
        raise HTTPException(400, expected)
    for name, kind in kinds.items():
        if not isinstance(values[name], kind) or isinstance(values[name], bool):
            raise HTTPException(400, f"{name} is of the wrong type; {expected}")
    return values
