"""A gate in front of a volunteer's FiftyOne server: only who has the link gets through.

FiftyOne has no login, serves any file of the machine at ``/media`` and runs operators for any page
that asks. Behind this gate a request needs the secret of the link (as a cookie), a Host that is
known, no foreign Origin, and asks for pictures of the dataset and operators of the screen only.
"""

import hmac
import json
from collections.abc import Awaitable, Callable, Collection, MutableMapping
from http.cookies import CookieError, SimpleCookie
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, quote, unquote

from gazebench import gate
from gazebench.annotation import app_page, examples
from gazebench.annotation.desk import Desk
from gazebench.errors import InputError
from gazebench.reading import read_bytes

Scope = MutableMapping[str, Any]
App = Callable[[Scope, Callable[[], Awaitable[Any]], Callable[[Any], Awaitable[None]]], Awaitable]
_TYPES = {".png": "image/png", ".webp": "image/webp", ".jpg": "image/jpeg"}
_POLICY = b"default-src 'self' 'unsafe-inline' 'unsafe-eval' blob: data:; frame-ancestors 'none'"
_EDITS = ("PATCH", "PUT", "DELETE")
_OURS = "@gazebench/label/"  # operators of our plugin
_APPS = (  # those of FiftyOne that its App runs when it opens, and when it shows a face; they read
    "@voxel51/operators/get_label_schemas",
    "@voxel51/operators/list_workspaces",
)
_PLACEMENTS = "/operators/resolve-placements"  # the only path below /operators/ that runs none
_SHARED = (  # what GraphQL would change of the dataset as others see it
    *("createSavedView", "deleteSavedView", "updateSavedView"),
    *("setSidebarGroups", "setDatasetColorScheme"),
)
_MOST = 4 << 20  # bytes of a request that is looked into; the most votes in one are 0.2 MB
_HOUR = "private, max-age=3600"
_FOREVER = b"private, max-age=31536000, immutable"  # of files whose name has a digest


class Guard:
    """The gate, an ASGI application around another one."""

    def __init__(
        self,
        app: App,
        desk: Desk,
        secret: str,
        *,
        home: str,
        index: str = "",
        hosts: Collection[str] = (),
    ) -> None:
        """A gate in front of ``app``.

        ``home``: path that the link leads to, where the App's page ``index`` is; ``hosts``: names
        of the server beside its own.
        """
        self._app = app
        self._desk = desk
        self._secret = secret
        self._home = home
        self._index = index
        self._hosts = {*gate.LOOPBACK, *hosts}
        self._cookie = f"gazebench_{desk.annotator}"
        self._images = (desk.dataset / "images").resolve()

    async def __call__(self, scope: Scope, receive: Any, send: Any) -> None:
        """Let a request through, answer it, or refuse it."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope["type"] != "http":
            return  # FiftyOne opens no sockets
        answer = self._answer(scope)
        path = scope["path"]
        look = _rule(scope["method"], path)
        if answer is None and look:
            body = await _body(receive)
            answer = _refusal(body, look)
            receive = _once_more(body, receive)
        if answer is None:
            await self._app(scope, receive, _confined(send, path))
        else:
            await _respond(send, *answer)

    def _answer(self, scope: Scope) -> tuple[int, dict[str, str], bytes] | None:
        """What the gate says itself; None lets the request through."""
        headers = {name.decode("latin-1"): v.decode("latin-1") for name, v in scope["headers"]}
        path, words = scope["path"], scope.get("query_string", b"").decode("latin-1")
        query = parse_qs(words, keep_blank_values=True)
        if not gate.is_for_us(headers, self._hosts):
            return _page(403, "This address is not known here.")
        if path == "/gazebench/health":
            return _json(200, {"annotator": self._desk.annotator})
        if path == "/label":
            return self._enter(query.get("key", [""])[0])
        if not self._is_admitted(headers):
            return _page(
                403, "Please open the link that you were sent; it is the key to this page."
            )
        if "\n" in path:  # FiftyOne's routes match with a line break at their end as well
            return _page(404, "No such page.")
        is_tag = path == "/tag" or (path.startswith("/dataset/") and path.endswith("/tags"))
        if scope["method"] in _EDITS or is_tag:  # others would see it in their App
            return _page(403, "Votes are given in the panel Label; nothing else is edited here.")
        if path == "/gazebench/screen.js":
            return 200, {"content-type": "text/javascript"}, app_page.SCREEN.read_bytes()
        if path.startswith("/gazebench/"):
            return self._picture(path)
        if path == "/":
            return 303, {"location": self._home}, b""
        if self._index and path == unquote(self._home).partition("?")[0]:
            return self._first_page()
        if path == "/media" and not self._is_ours(query.get("filepath", [])):
            return _page(404, "No such picture.")
        return None

    def _enter(self, key: str) -> tuple[int, dict[str, str], bytes]:
        if not hmac.compare_digest(key.encode(), self._secret.encode()):
            return _page(403, "This link is not valid. Please ask for a new one.")
        cookie = f"{self._cookie}={self._secret}; Path=/; HttpOnly; SameSite=Lax"
        headers = {"location": self._home, "set-cookie": cookie, "cache-control": "no-store"}
        return 303, headers, b""

    def _first_page(self) -> tuple[int, dict[str, str], bytes]:
        text = app_page.page(self._index, self._desk.start())
        kind = {"content-type": "text/html; charset=utf-8", "cache-control": "no-store"}
        return 200, {**kind, "content-security-policy": _POLICY.decode()}, text.encode()

    def _is_admitted(self, headers: dict[str, str]) -> bool:
        try:
            cookies = SimpleCookie(headers.get("cookie", ""))
        except CookieError:
            return False
        held = cookies[self._cookie].value if self._cookie in cookies else ""
        return hmac.compare_digest(held.encode(), self._secret.encode())

    def _picture(self, path: str) -> tuple[int, dict[str, str], bytes]:
        kind, _, name = unquote(path.removeprefix("/gazebench/")).partition("/")
        faces = self._desk.faces
        if kind == "faces" and name in faces.index:
            file = faces.path(name)
        elif kind == "examples" and name in examples.ids():
            file = examples.path(name)
        else:
            return _page(404, "No such picture.")
        try:
            data = read_bytes(file)
        except InputError:
            return _page(404, "This picture cannot be read.")
        return 200, {"content-type": _TYPES[file.suffix], "cache-control": _HOUR}, data

    def _is_ours(self, names: list[str]) -> bool:
        """Whether they name one picture of the dataset; of several FiftyOne takes the last."""
        try:
            return len(names) == 1 and Path(names[0]).resolve().is_relative_to(self._images)
        except (OSError, ValueError):
            return False


async def _body(receive: Any) -> bytes:
    """The body of a request; one that is too long is cut off behind the limit."""
    body, is_whole = b"", False
    while not is_whole and len(body) <= _MOST:
        message = await receive()
        body += message.get("body", b"")
        is_whole = not message.get("more_body", False)
    return body


def _rule(method: str, path: str) -> Callable[[Any], bool] | None:
    """What says whether a request's content is for volunteers; None: its body is not read."""
    if path.startswith("/operators/") and path != _PLACEMENTS:
        return _runs_ours
    return _changes_nothing_shared if method == "POST" and path == "/graphql" else None


def _runs_ours(content: Any) -> bool:
    operator = content.get("operator_uri") if isinstance(content, dict) else None
    return isinstance(operator, str) and (operator.startswith(_OURS) or operator in _APPS)


def _changes_nothing_shared(content: Any) -> bool:
    query = content.get("query", "") if isinstance(content, dict) else None
    return isinstance(query, str) and not any(name in query for name in _SHARED)


def _refusal(
    body: bytes, is_for_volunteers: Callable[[Any], bool]
) -> tuple[int, dict[str, str], bytes] | None:
    """What is said to a request whose content is not for volunteers; None: it is."""
    if len(body) > _MOST:
        return _page(413, "This is too much at once.")
    try:
        content = json.loads(body.decode()) if body else {}
    except (ValueError, RecursionError):
        content = None
    if is_for_volunteers(content):
        return None
    return _page(403, "Only the panel Label runs or changes anything here.")


def _once_more(body: bytes, receive: Any) -> Any:
    """As ``receive``, beginning with a body that was read already."""
    messages = [{"type": "http.request", "body": body, "more_body": False}]

    async def receiving() -> Any:
        return messages.pop() if messages else await receive()

    return receiving


def _confined(send: Any, path: str) -> Any:
    """As ``send``; pages of the App may load nothing from elsewhere, and keep their scripts."""
    is_kept = "/assets/" in path

    async def sending(message: Any) -> None:
        if message["type"] == "http.response.start":
            pairs = [(b"content-security-policy", _POLICY), (b"referrer-policy", b"no-referrer")]
            if is_kept and message["status"] < 300:
                pairs.append((b"cache-control", _FOREVER))
            message = {**message, "headers": [*message["headers"], *pairs]}
        await send(message)

    return sending


def _json(status: int, content: Any) -> tuple[int, dict[str, str], bytes]:
    return status, {"content-type": "application/json"}, json.dumps(content).encode()


def _page(status: int, sentence: str) -> tuple[int, dict[str, str], bytes]:
    text = f"<!doctype html><meta charset=utf-8><title>gazebench</title><p>{sentence}"
    return status, {"content-type": "text/html; charset=utf-8"}, text.encode()


async def _respond(send: Any, status: int, headers: dict[str, str], body: bytes) -> None:
    every = {
        **headers,
        "content-length": str(len(body)),
        "x-content-type-options": "nosniff",
        "referrer-policy": "no-referrer",
    }
    pairs = [(name.encode(), value.encode("latin-1")) for name, value in every.items()]
    await send({"type": "http.response.start", "status": status, "headers": pairs})
    await send({"type": "http.response.body", "body": body})


def home(name: str) -> str:
    """Path at which the App opens the dataset ``name`` with nothing but the labelling screen."""
    return f"/datasets/{quote(name, safe='')}?view=label&workspace=label"
