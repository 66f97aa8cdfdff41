"""The study's pages as a Starlette application. They work without JavaScript."""

from collections.abc import Collection, Mapping
from dataclasses import replace
from functools import partial
from urllib.parse import parse_qsl

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from gazebench.errors import BusyError, DiskError, InputError
from gazebench.study.design import QUESTION
from gazebench.study.desk import Desk, Shown
from gazebench.study.pages import environment, script, style
from gazebench.study.respondents import grouped
from gazebench.study.shield import Shield
from gazebench.study.writing import Writer

MOST_STARTED = 20_000  # consents; a machine that fills the disk is stopped there
_DAYS_90 = 90 * 24 * 3600


def application(desk: Desk, writer: Writer, hosts: Collection[str] = ()) -> ASGIApp:
    """The study as an ASGI application, behind its shield."""
    pages = _Pages(desk, writer)
    routes = [
        Route("/", pages.welcome),
        Route("/start", pages.start, methods=["POST"]),
        Route("/question", pages.question),
        Route("/answer", pages.answer, methods=["POST"]),
        Route("/picture/{mark}", pages.picture),
        Route("/done", pages.done),
        Route("/resume", pages.resume, methods=["GET", "POST"]),
        Route("/withdraw", pages.withdraw, methods=["GET", "POST"]),
        Route("/study.css", partial(_static, style(), "text/css")),
        Route("/study.js", partial(_static, script(), "text/javascript")),
        Route("/health", partial(_static, "ok", "text/plain")),
    ]
    handlers = {
        404: pages.missing,
        405: pages.missing,
        InputError: pages.wrong,
        DiskError: pages.full,
        BusyError: pages.full,
    }
    return Shield(Starlette(routes=routes, exception_handlers=handlers), hosts)  # type: ignore[arg-type]


class _Pages:
    def __init__(self, desk: Desk, writer: Writer) -> None:
        self._desk, self._writer = desk, writer
        self._cookie = f"gazebench_study_{desk.design.id}"  # ports of one host share cookies
        self._templates = environment()
        self._started = desk.answers.started()

    async def welcome(self, request: Request) -> Response:
        respondent = self._respondent(request)
        standing = self._desk.standing(respondent) if respondent else None
        began = standing is not None and standing.consented and not standing.withdrawn
        return self._page("welcome", is_under_way=began, problem="")

    async def start(self, request: Request) -> Response:
        form = await _form(request)
        respondent = self._respondent(request)
        if respondent and not self._desk.standing(respondent).withdrawn:
            token = self._desk.keys.token(respondent)
        else:
            token = self._desk.keys.new_token()
            respondent = self._desk.keys.respondent(token) or ""
        if form.get("agree") != "yes":
            problem = "To take part, please tick the box first."
            return self._page("welcome", 400, is_under_way=False, problem=problem)
        if self._started >= MOST_STARTED:
            return self._say(403, "This study is closed. Thank you for your interest.")
        if not self._desk.standing(respondent).consented:
            await self._writer.add(self._desk.consent(respondent))
            self._started += 1
        return self._with_cookie(RedirectResponse("/question", 303), token, request)

    async def question(self, request: Request) -> Response:
        respondent = self._respondent(request)
        if respondent is None:
            return self._stranger(request)
        standing = self._desk.standing(respondent)
        if standing.withdrawn:
            return self._say(410, "You have withdrawn from this study.")
        if not standing.consented:
            return RedirectResponse("/", 303)
        number = standing.next(len(self._desk.plan.questions(respondent)))
        if number is None:
            return RedirectResponse("/done", 303)
        code = grouped(self._desk.keys.token(respondent)) if number == 0 else ""
        ask = QUESTION[self._desk.design.kind]
        return self._page("question", ask=ask, q=self._shown(respondent, number), code=code)

    def _shown(self, respondent: str, number: int) -> Shown:
        shown = self._desk.shown(respondent, number)
        return replace(
            shown,
            source=_address(shown.source),
            pictures=tuple(map(_address, shown.pictures)),
            ahead=tuple(map(_address, shown.ahead)),
        )

    async def answer(self, request: Request) -> Response:
        form = await _form(request)
        respondent = self._respondent(request)
        if respondent is None:
            return self._say(403, "Please start at the first page.")
        event = self._desk.answer(respondent, form)
        standing = self._desk.standing(respondent)
        if not standing.consented or standing.withdrawn:
            return self._say(403, "Please start at the first page.")
        if event.question not in standing.answered:
            if event.question != standing.next(len(self._desk.plan.questions(respondent))):
                return self._say(409, "This question has not been shown yet.")
            await self._writer.add(event)
        return RedirectResponse("/question", 303)

    async def picture(self, request: Request) -> Response:
        respondent = self._respondent(request)
        if respondent is None:
            return self._say(403, "Please start at the first page.")
        data = self._desk.picture(respondent, request.path_params["mark"])
        if data is None:
            return self._say(404, "There is no such page.")
        keep = {"cache-control": "private, max-age=3600"}
        return Response(data, media_type="image/jpeg", headers=keep)

    async def done(self, request: Request) -> Response:
        respondent = self._respondent(request)
        if respondent is None:
            return self._stranger(request)
        standing = self._desk.standing(respondent)
        if (
            standing.withdrawn
            or standing.next(len(self._desk.plan.questions(respondent))) is not None
        ):
            return RedirectResponse("/question", 303)
        token = grouped(self._desk.keys.token(respondent))
        return self._page("done", completion=self._desk.keys.completion(respondent), code=token)

    async def resume(self, request: Request) -> Response:
        if request.method == "GET":
            return self._page("code", what="resume", problem="")
        respondent = self._desk.keys.respondent((await _form(request)).get("code", ""))
        if respondent is None or not self._desk.standing(respondent).consented:
            return self._page("code", 403, what="resume", problem="This code is not known here.")
        token = self._desk.keys.token(respondent)
        return self._with_cookie(RedirectResponse("/question", 303), token, request)

    async def withdraw(self, request: Request) -> Response:
        if request.method == "GET":
            return self._page("code", what="withdraw", problem="")
        respondent = self._desk.keys.respondent((await _form(request)).get("code", ""))
        if respondent is None or not self._desk.standing(respondent).consented:
            return self._page("code", 403, what="withdraw", problem="This code is not known here.")
        await self._writer.add(self._desk.withdrawal(respondent))
        response = self._say(
            200, "You have withdrawn. Your answers are left out of every analysis and publication."
        )
        response.delete_cookie(self._cookie)
        return response

    async def missing(self, request: Request, _: Exception) -> Response:
        return self._say(404, "There is no such page.")

    async def wrong(self, request: Request, _: Exception) -> Response:
        return self._say(400, "This form cannot be read. Please go back to the question.")

    async def full(self, request: Request, _: Exception) -> Response:
        return self._say(507, "Your answer could not be saved. Please tell whoever invited you.")

    def _respondent(self, request: Request) -> str | None:
        return self._desk.keys.respondent(request.cookies.get(self._cookie, ""))

    def _stranger(self, request: Request) -> Response:
        """Who has no token starts; who has one that is not ours is refused."""
        if self._cookie not in request.cookies:
            return RedirectResponse("/", 303)
        response = self._say(403, "Please start at the first page.")
        response.delete_cookie(self._cookie)
        return response

    def _with_cookie(self, response: Response, token: str, request: Request) -> Response:
        response.set_cookie(
            self._cookie,
            token,
            max_age=_DAYS_90,
            httponly=True,
            samesite="lax",
            secure=request.url.scheme == "https",
        )
        return response

    def _say(self, status: int, sentence: str) -> Response:
        return self._page("message", status, sentence=sentence)

    def _page(self, name: str, status: int = 200, /, **facts: object) -> Response:
        template = self._templates.get_template(f"{name}.html.j2")
        text = template.render(design=self._desk.design, **facts)
        return HTMLResponse(text, status, headers={"cache-control": "no-store"})


def _address(mark: str) -> str:
    return f"/picture/{mark}" if mark else ""


async def _form(request: Request) -> Mapping[str, str]:
    """Fields of a form.

    Raises:
        InputError: not UTF-8, or too many fields.
    """
    try:
        return dict(parse_qsl((await request.body()).decode(), max_num_fields=10))
    except ValueError:
        raise InputError("no form") from None


async def _static(text: str, kind: str, _: Request) -> Response:
    return Response(text, media_type=kind, headers={"cache-control": "max-age=300"})
