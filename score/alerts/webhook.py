"""The webhook: where its address comes from, and posts to it that end in time and never repeat it.

The address may hold a secret, so it must reach neither command lines, nor logs, nor messages. This is why
urllib posts: requests (through urllib3) and httpx log complete addresses and repeat them in their errors.
"""

from __future__ import annotations

import urllib.error
import urllib.request
from pathlib import Path
from urllib.parse import urlsplit

from extract.runtime.foreign.secret_file import take_secret
from extract.runtime.secret_variables import WEBHOOK
from score.alerts.timed_attempt import HostNames, PlainHandler, SecureHandler, TimedAttempt

REQUEST_SECONDS = 10.0
RETRY_CODES = (408, 425, 429)  # the 4xx codes that do not mean the request itself is wrong


def take_address(file: Path | None) -> str | None:
    """The address in the file, else in VAD_WEBHOOK; None for neither. Raises as both that it calls."""
    address = take_secret(file, variable=WEBHOOK, option="--webhook-file", what="the webhook's address")
    return None if address is None else check_webhook(address)


def check_webhook(address: str) -> str:
    """Return the address. Raises ValueError without repeating it, because it may hold a secret."""
    try:
        parts = urlsplit(address.strip())
        host, _ = parts.hostname, parts.port
    except ValueError:
        raise ValueError("the webhook is not an address; expected https://HOST/PATH") from None
    if parts.scheme not in ("http", "https") or not host:
        raise ValueError("the webhook is not a web address; expected https://HOST/PATH")
    if parts.username or parts.password:
        raise ValueError("the webhook has a name or password before its host; expected https://HOST/PATH")
    if not all("!" <= each <= "~" for each in address.strip()):
        raise ValueError(
            "the webhook contains a space or a non-ASCII character, which must be written as %XX; expected "
            "https://HOST/PATH"
        )
    return address.strip()


class Webhook:
    """Posts to one address. seconds: for a whole request, from the look-up of its name to the answer."""

    def __init__(self, address: str, *, seconds: float = REQUEST_SECONDS):
        self._address, self.seconds = check_webhook(address), seconds
        self._names = HostNames()

    @property
    def host(self) -> str:
        """The part of the address that may be shown."""
        return urlsplit(self._address).hostname or ""

    def post(self, body: bytes) -> tuple[str, bool]:
        """Post JSON. Returns (what went wrong or "", whether another attempt may help)."""
        request = urllib.request.Request(
            self._address,
            data=body,
            method="POST",
            headers={"Content-Type": "application/json", "User-Agent": "vad-score"},
        )
        with TimedAttempt(self.seconds, self._names) as attempt:
            problem, again = _send(request, attempt)
            # Also after a success: where the head of an answer is cut, http.client takes it for complete.
            return (f"no answer within {self.seconds:g} s", True) if attempt.is_late else (problem, again)


def _send(request: urllib.request.Request, attempt: TimedAttempt) -> tuple[str, bool]:
    """As Webhook.post."""
    opener = urllib.request.build_opener(_NoRedirects, PlainHandler(attempt), SecureHandler(attempt))
    try:
        # What follows the head of an answer is not read: it says nothing, and may never end.
        opener.open(request).close()
    except urllib.error.HTTPError as error:
        error.close()
        return f"it answered {error.code}", error.code >= 500 or error.code in RETRY_CODES
    except Exception as error:
        # Whatever it is, later alerts are tried. Only the system's own words: the texts of the libraries may
        # hold the address.
        reason = getattr(error, "reason", None)
        why = reason if isinstance(reason, OSError) else error
        return getattr(why, "strerror", None) or type(why).__name__, True
    return "", False


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """Refuses redirects, which would send alerts to an address that nobody chose."""

    def redirect_request(self, *_arguments):
        return None
