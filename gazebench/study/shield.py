"""What every request to the study's server must be, and what every answer says to the browser.

An ASGI application around another one: known Host and Origin, small bodies that arrive in time,
headers by which a page loads nothing from elsewhere.
"""

import asyncio
from collections.abc import Collection
from typing import Any

from gazebench import gate

MOST_BYTES = 4096  # of a body; a form has about a hundred
BODY_SECONDS = 5.0
_POLICY = (
    "default-src 'none'; img-src 'self' data:; style-src 'self'; script-src 'self'; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
_HEADERS = {
    "content-security-policy": _POLICY,
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), microphone=(), geolocation=()",
    "referrer-policy": "same-origin",  # with no-referrer, browsers hide the Origin of forms
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "x-robots-tag": "noindex",
}
_RAW = [(name.encode(), value.encode()) for name, value in _HEADERS.items()]
_FORM = "application/x-www-form-urlencoded"


class _RefusedError(Exception):
    def __init__(self, status: int, sentence: str) -> None:
        self.status, self.sentence = status, sentence


class Shield:
    """The checks, around ``app``."""

    def __init__(
        self, app: Any, hosts: Collection[str] = (), seconds: float = BODY_SECONDS
    ) -> None:
        """``hosts``: names by which the server is reached beside those of this machine."""
        self._app = app
        self._hosts = {*gate.LOOPBACK, *hosts}
        self._seconds = seconds

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Let a request through with its whole body, or refuse it."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope["type"] != "http":
            return  # there are no sockets

        async def sending(message: Any) -> None:
            if message["type"] == "http.response.start":
                message = {**message, "headers": [*message["headers"], *_RAW]}
            await send(message)

        try:
            body = await self._checked(scope, receive)
        except _RefusedError as refused:
            await _refuse(sending, refused)
            return
        await self._app(scope, _once(body, receive), sending)

    async def _checked(self, scope: Any, receive: Any) -> bytes:
        headers = {n.decode("latin-1"): v.decode("latin-1") for n, v in scope["headers"]}
        if not gate.is_for_us(headers, self._hosts):
            raise _RefusedError(403, "This address is not known here.")
        if scope["method"] != "POST":
            return b""
        if headers.get("content-type", _FORM).partition(";")[0].strip() != _FORM:
            raise _RefusedError(415, "Only forms are read here.")
        length = headers.get("content-length", "0")
        if not length.isdigit() or int(length) > MOST_BYTES:
            raise _RefusedError(413, "Too much was sent.")
        try:
            return await asyncio.wait_for(_body(receive), self._seconds)
        except TimeoutError:
            raise _RefusedError(408, "The form did not arrive in time.") from None


async def _body(receive: Any) -> bytes:
    body = b""
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise _RefusedError(400, "The form did not arrive.")
        body += message.get("body", b"")
        if len(body) > MOST_BYTES:
            raise _RefusedError(413, "Too much was sent.")
        if not message.get("more_body"):
            return body


def _once(body: bytes, receive: Any) -> Any:
    waiting = [{"type": "http.request", "body": body, "more_body": False}]

    async def receiving() -> Any:
        return waiting.pop() if waiting else await receive()

    return receiving


async def _refuse(send: Any, refused: _RefusedError) -> None:
    body = refused.sentence.encode()
    headers = [
        (b"content-type", b"text/plain; charset=utf-8"),
        (b"content-length", str(len(body)).encode()),
        (b"connection", b"close"),
    ]
    await send({"type": "http.response.start", "status": refused.status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
