"""A crowd of invented respondents that answer a study over HTTP, as plain forms do."""

import asyncio
import random
import re
import time
from collections import Counter
from dataclasses import dataclass, field
from urllib.parse import urlencode

_QUESTION = re.compile(rb'name="question" value="(\d+)"')
_CHOICE = re.compile(rb'name="choice" value="(\d+)"')
_PICTURE = re.compile(rb'src="(/picture/\w+)"')
_AWAY = (OSError, asyncio.IncompleteReadError, ValueError)


@dataclass
class Seen:
    """What the crowd saw."""

    seconds: list[float] = field(default_factory=list)  # of each acknowledged answer
    statuses: Counter[int] = field(default_factory=Counter)
    acknowledged: dict[tuple[str, int], int] = field(default_factory=dict)  # → place
    finished: int = 0
    away: int = 0  # requests that found no server


class Browser:
    """One connection with a cookie; it tries again while the server is away."""

    def __init__(self, port: int, seen: Seen) -> None:
        self._port, self._seen = port, seen
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None
        self.cookie = ""

    async def ask(self, path: str, form: dict[str, object] | None = None) -> tuple[int, str, bytes]:
        """Status, place to go on to, and body."""
        while True:
            try:
                return await self._once(path, form)
            except _AWAY:
                self.close()
                self._seen.away += 1
                await asyncio.sleep(0.05)

    def close(self) -> None:
        """Hang up."""
        if self._streams:
            self._streams[1].close()
        self._streams = None

    async def _once(self, path: str, form: dict[str, object] | None) -> tuple[int, str, bytes]:
        self._streams = self._streams or await asyncio.open_connection("127.0.0.1", self._port)
        reader, writer = self._streams
        writer.write(self._request(path, form))
        await writer.drain()
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        status = int(head.split(" ", 2)[1])
        fields = dict(line.split(": ", 1) for line in head.split("\r\n")[1:] if ": " in line)
        fields = {name.lower(): value for name, value in fields.items()}
        body = await reader.readexactly(int(fields.get("content-length", 0)))
        if "set-cookie" in fields:
            self.cookie = fields["set-cookie"].partition(";")[0]
        self._seen.statuses[status] += 1
        return status, fields.get("location", ""), body

    def _request(self, path: str, form: dict[str, object] | None) -> bytes:
        host = f"127.0.0.1:{self._port}"
        lines = [f"{'GET' if form is None else 'POST'} {path} HTTP/1.1", f"Host: {host}"]
        if self.cookie:
            lines.append(f"Cookie: {self.cookie}")
        body = b"" if form is None else urlencode(form).encode()
        if form is not None:
            kind = "application/x-www-form-urlencoded"
            lines += [f"Origin: http://{host}", f"Content-Type: {kind}"]
            lines.append(f"Content-Length: {len(body)}")
        return "\r\n".join([*lines, "", ""]).encode() + body


async def respondent(
    port: int, seen: Seen, rng: random.Random, *, pictures: bool, think: float
) -> None:
    """One person from consent to the completion code; ``think``: mean seconds before an answer."""
    browser = Browser(port, seen)
    await browser.ask("/")
    while not browser.cookie:
        await browser.ask("/start", {"agree": "yes"})
    name = browser.cookie.partition("=")[2][:10]
    while True:
        status, place, page = await browser.ask("/question")
        if status == 303 and place == "/done":
            break
        number = int(_only(_QUESTION, page))
        if pictures:
            for path in _PICTURE.findall(page):
                await browser.ask(path.decode())
        if think:
            await asyncio.sleep(rng.expovariate(1 / think))
        choice = int(rng.choice(_CHOICE.findall(page)))
        began = time.perf_counter()
        status, _, _ = await browser.ask("/answer", {"question": number, "choice": choice})
        seen.seconds.append(time.perf_counter() - began)
        if status == 303:
            seen.acknowledged.setdefault((name, number), choice)
    await browser.ask("/done")
    seen.finished += 1
    browser.close()


def _only(pattern: re.Pattern[bytes], page: bytes) -> bytes:
    found = pattern.search(page)
    assert found, page[:500]
    return found[1]


async def crowd(
    port: int,
    people: int,
    *,
    at_once: int,
    pictures: bool = False,
    think: float = 0.0,
    seed: int = 0,
) -> Seen:
    """``people`` respondents, ``at_once`` at a time."""
    seen = Seen()
    coming = iter(range(people))

    async def seat() -> None:
        for number in coming:
            rng = random.Random(seed * 1_000_003 + number)
            await respondent(port, seen, rng, pictures=pictures, think=think)

    await asyncio.gather(*(seat() for _ in range(at_once)))
    return seen
