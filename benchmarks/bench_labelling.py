"""What labelling costs: `label prepare`, the first face on the screen, a vote, memory.

    python benchmarks/bench_labelling.py [--portraits 200000] [--volunteers 5] [--votes 300]

Made-up portraits of 64 pixels; the real FiftyOne, mongod and Chromium. What `prepare` does is held
against FiftyOne's own `add_samples` of the same files. A vote is timed as the screen sends it, from
the request to the acknowledgement, while all volunteers vote at once without a pause.
"""

import argparse
import os
import re
import shutil
import statistics
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from label_servers import Client, Served, children, command_of, press, run, serving
from made_datasets import make_dataset
from playwright.sync_api import Browser, sync_playwright

from gazebench.annotation import app_dataset, server
from gazebench.annotation.faces import Faces

NAMES = ("ana", "bo", "chen", "dora", "emil", "fay", "gus", "hana")
OPENED = 3  # times that the link is opened


def main() -> None:
    """Measure, and print a line each."""
    asked = _arguments()
    names = NAMES[: asked.volunteers]
    print(f"{os.cpu_count()} cores, load average {os.getloadavg()[0]:.1f} before this began")
    with tempfile.TemporaryDirectory() as folder:
        root = make_dataset(Path(folder) / "dataset", asked.portraits, test=asked.portraits // 10)
        with timed() as ours:
            done = run("label", "prepare", root, "--annotators", ",".join(names))
        assert done.returncode == 0, done.stderr
        rival = add_samples(make_dataset(Path(folder) / "rival", asked.portraits))
        print(f"prepare of {asked.portraits:,} portraits: {ours} (target 60 s)")
        print(f"FiftyOne's add_samples of the same: {rival}; ratio {ours.cpu / rival.cpu:.2f}")
        start = time.monotonic()
        with serving(root, number=len(names)) as served:
            print(f"{len(names)} servers ready after {time.monotonic() - start:.1f} s")
            first_face(served, names[0])
            vote_at_once(served, asked.votes)
            show_memory(served)


class Spent:
    """Seconds of a block and of the processor, here and in all processes below this one.

    Of the processor, since other load does not lengthen that much.
    """

    def __init__(self, servers: int | None) -> None:
        self._servers = servers  # the process above all servers
        self.wall, self.cpu, self.at_servers = self._now(-1)

    def end(self) -> None:
        """The block has ended."""
        now = self._now(1)
        self.wall, self.cpu, self.at_servers = (
            a + b for a, b in zip((self.wall, self.cpu, self.at_servers), now, strict=True)
        )

    def _now(self, sign: int) -> tuple[float, float, float]:
        servers = _processor(self._servers) if self._servers else 0.0
        return sign * time.monotonic(), sign * _processor(os.getpid()), sign * servers

    def __str__(self) -> str:
        """In words."""
        servers = f" ({self.at_servers:.1f} s of them the servers')" if self._servers else ""
        return f"{self.wall:.1f} s, {self.cpu:.1f} s of the processor{servers}"


@contextmanager
def timed(servers: int | None = None) -> Iterator[Spent]:
    """What the block takes, known once it ended; ``servers``: the process above all of them."""
    spent = Spent(servers)
    yield spent
    spent.end()


def _processor(pid: int) -> float:
    """Seconds of a process, of those below it, and of those below it that have ended."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    except OSError:  # ended just now
        return 0.0
    ticks = sum(map(int, fields[11:15]))
    return ticks / os.sysconf("SC_CLK_TCK") + sum(_processor(child) for child in children(pid))


def add_samples(dataset: Path) -> Spent:
    """What FiftyOne takes, with its start, by the way of its documentation."""
    faces = Faces.read(dataset)
    with timed() as spent, server.database(dataset) as (address, _):
        fo = app_dataset.fiftyone(address)
        made = [fo.Sample(filepath=str(faces.path(id_))) for id_ in faces.ids]
        fo.Dataset("rival").add_samples(made)
    return spent


def first_face(served: Served, name: str) -> None:
    """Time from opening the link to the first face, in a browser that was never here, and again."""
    client = Client(served.links[name])
    practised = [{**face, "round": "training"} for face in client.ask("start")["training"]]
    client.ask("vote", events=[press(name, face) for face in practised])
    program = shutil.which("chromium") or shutil.which("chromium-browser")
    assert program, "run `apt-get install chromium`"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        cold = [opening(browser, served, name, 1)[0] for _ in range(OPENED)]
        warm = opening(browser, served, name, 1 + OPENED)[1:]
        browser.close()
    for words, found in (("is opened", cold), ("is opened again", warm)):
        faces, apps = zip(*found, strict=True)
        print(f"first face after the link {words}: {_median(faces)} (target 3 s)")
        print(f"  the App around it: {_median(apps)}")


def _median(found: Sequence[Spent]) -> Spent:
    return sorted(found, key=lambda spent: spent.wall)[len(found) // 2]


def opening(browser: Browser, served: Served, name: str, times: int) -> list[tuple[Spent, Spent]]:
    """What each time takes, servers and browser together, in a browser that was never here.

    To the first face, and to the App around it.
    """
    context = browser.new_context(viewport={"width": 1400, "height": 900})
    found: list[tuple[Spent, Spent]] = []
    for _ in range(times):
        page = context.new_page()
        page.set_default_timeout(240_000)
        with timed(served.process.pid) as app:
            with timed(served.process.pid) as face:
                page.goto(served.links[name], wait_until="commit")
                page.wait_for_selector("[data-part=portrait] img")
            page.wait_for_function("window.gazebenchLabel?.host?.closest('#root')")
        found.append((face, app))
        page.close()
    context.close()
    return found


def vote_at_once(served: Served, votes: int) -> None:
    """Everybody votes as fast as answers come."""
    spent: list[float] = []

    def label(name: str, link: str) -> None:
        client = Client(link)
        for _ in range(votes):
            [face] = client.ask("next_faces", held=[], count=1)["faces"]
            start = time.monotonic()
            saved = client.ask("vote", events=[press(name, face)])["saved"]
            spent.append(time.monotonic() - start)
            assert len(saved) == 1

    threads = [threading.Thread(target=label, args=pair) for pair in served.links.items()]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(spent) == votes * len(served.links), "a volunteer's votes failed"
    cuts = statistics.quantiles(spent, n=20)
    print(f"a vote of {len(threads)} volunteers at once: median {1000 * cuts[9]:.0f} ms "
          f"(target 100 ms), 95 % within {1000 * cuts[18]:.0f} ms")  # fmt: skip


def show_memory(served: Served) -> None:
    """The most that each process held."""
    for pid in children(served.process.pid):
        status = Path(f"/proc/{pid}/status").read_text()
        [kilobytes] = re.findall(r"VmHWM:\s+(\d+)", status)
        kind = "mongod" if "mongod" in command_of(pid).split("\0")[0] else "a volunteer's server"
        print(f"  {kind}: {int(kilobytes) / 1000:.0f} MB")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--portraits", type=int, default=200_000)
    parser.add_argument("--volunteers", type=int, default=5, choices=range(1, len(NAMES) + 1))
    parser.add_argument("--votes", type=int, default=300)
    return parser.parse_args()


if __name__ == "__main__":
    main()
