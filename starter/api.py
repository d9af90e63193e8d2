"""`/api/v1`: the same commands for programs, by the same client as the command line and the console.

Who asks is said by a bearer token. Every error has one shape, RFC 9457 problem details, whatever went wrong.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable, Coroutine, Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Depends, FastAPI, HTTPException, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.openapi.utils import get_openapi
from fastapi.responses import JSONResponse
from fastapi.routing import APIRoute
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from pydantic import Base64Bytes, Field, JsonValue

from alerts.programme import Programme
from alerts.values import Value
from alerts.vocabulary import Action, CancelReason, ChildCondition, ConfirmedBy, Kind, Stage
from starter.begin import read_tokens
from starter.client import Baken
from starter.errors import BadInput, CannotReach, Problem, RefusedByRule, UnknownAlert, as_problem
from starter.settings import Settings

PREFIX = "/api/v1"
PROBLEM = "application/problem+json"
BEARER = HTTPBearer(auto_error=False, description="A token of a person on duty.")
MOST_BYTES = 60_000_000
"""Of a request: a case with its photos, in base64."""
ALIASES = {"return": "return_for_edit", "outcome": "propose_outcome"}
"""Commands go by their name on the command line as well."""
TITLES = {
    401: "Who are you?",
    404: "Not found",
    405: "Not that way",
    409: "Refused by a rule",
    413: "Too large",
    422: "Bad input",
    503: "A part does not answer",
}


class NewAlert(Value):
    """A case to start an alert with; its photos in base64 under the names the case gives them."""

    case: dict[str, JsonValue]
    kind: Kind = Kind.ACTUAL
    photos: dict[str, Base64Bytes] = {}


class Said(Value):
    """What a command says; which fields it takes follows from the action, as on the command line."""

    id: Annotated[str | None, Field(min_length=1, max_length=64)] = None
    """Yours to choose: the same id twice has one effect."""
    digest: str | None = None
    reason: str | None = None
    patch: dict[str, JsonValue] | None = None
    photos: dict[str, Base64Bytes] = {}
    what: str | None = None
    child: Annotated[int | None, Field(ge=1)] = None
    confirmed_by: ConfirmedBy | None = None
    outcome: ChildCondition | None = None
    why: CancelReason | None = None
    programme: str | None = None
    texts: dict[str, str] | None = None


class Given(Value):
    """The command and its ruling; `accepted` is null when it is recorded and not judged yet."""

    alert_id: str
    command: str | None
    action: Action
    accepted: bool | None
    reason: str | None
    stage: Stage


class ProblemDetails(Value):
    """RFC 9457; `errors` names each field that is wrong."""

    type: str = "about:blank"
    title: str
    status: int
    detail: str
    errors: list[dict[str, str]] = []


class ApiRoute(APIRoute):
    """Answers every error in one shape."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()

        async def guarded(request: Request) -> Response:
            try:
                await _bounded(request)
                answer = await handle(request)
            except Exception as error:
                said = _answer_to(error)
                if said is None:
                    raise
                answer = said
            answer.headers["cache-control"] = "no-store"
            return answer

        return guarded


def api_router(baken: Baken, settings: Settings) -> APIRouter:
    """All routes of the API, and its description at `/api/v1/openapi.json`."""
    errors: dict[int | str, dict[str, Any]] = {
        status: {"description": title, "content": {PROBLEM: {"schema": ProblemDetails.model_json_schema()}}}
        for status, title in TITLES.items()
    }
    router = APIRouter(prefix=PREFIX, route_class=ApiRoute, responses=errors)

    def signed_in(given: Annotated[HTTPAuthorizationCredentials | None, Depends(BEARER)]) -> str:
        user = _user_of(read_tokens(settings), given.credentials) if given else None
        if user is None:
            raise HTTPException(401, "send 'Authorization: Bearer …' with a token of this installation")
        return user

    @router.get("/alerts", summary="List alerts, newest first")
    async def list_alerts(stage: Stage | None = None, who: str = Depends(signed_in)) -> list[dict[str, JsonValue]]:
        return await baken.list(stage)

    @router.post("/alerts", status_code=201, summary="Start an alert; answers when it is verified")
    async def start(new: NewAlert, response: Response, who: str = Depends(signed_in)) -> dict[str, JsonValue]:
        view = await baken.start(dict(new.case), new.photos, who, new.kind)
        response.headers["location"] = f"{PREFIX}/alerts/{view['alert_id']}"
        return view

    @router.get("/alerts/{alert_id}", summary="Show one alert")
    async def show(alert_id: str, who: str = Depends(signed_in)) -> dict[str, JsonValue]:
        return await baken.show(alert_id)

    @router.post("/alerts/{alert_id}/commands/{action}", summary="Give a command; answers with its ruling")
    async def command(
        alert_id: str, action: str, said: Said, response: Response, who: str = Depends(signed_in)
    ) -> Given:
        act = _action(action)
        content = _content(act, said, baken.parts.programmes())
        ruling = await baken.command(
            alert_id,
            act,
            who,
            digest=said.digest,
            reason=said.reason,
            content=content,
            folder=said.photos,
            command_id=said.id,
        )
        if ruling is not None and not ruling.accepted:
            raise RefusedByRule(ruling.reason or "refused")
        response.status_code = 200 if ruling else 202
        return Given(
            alert_id=alert_id,
            command=ruling.command if ruling else said.id,
            action=act,
            accepted=True if ruling else None,
            reason=ruling.reason if ruling else None,
            stage=(await baken.show(alert_id))["stage"],
        )

    @router.get("/openapi.json", include_in_schema=False)
    async def openapi() -> JSONResponse:
        return JSONResponse(describe(router))

    @router.api_route("/{rest:path}", methods=["GET", "POST", "PUT", "PATCH", "DELETE"], include_in_schema=False)
    async def nothing_here(rest: str) -> None:
        raise HTTPException(404, f"there is no {PREFIX}/{rest}; see {PREFIX}/openapi.json")

    return router


def describe(router: APIRouter) -> dict[str, Any]:
    """The API as OpenAPI."""
    whole = FastAPI(openapi_url=None)
    whole.include_router(router)
    return get_openapi(title="Baken", version="1", routes=whole.routes)


def _action(name: str) -> Action:
    word = name.replace("-", "_")
    try:
        action = Action(ALIASES.get(word, word))
    except ValueError:
        action = Action.START
    if action is Action.START:
        known = ", ".join(one.value for one in Action if one is not Action.START)
        raise BadInput("action", f"{name!r} is not a command; one of {known}")
    return action


def _content(action: Action, said: Said, programmes: Mapping[str, Programme]) -> dict[str, Any]:
    """The fields that belong to the action; raises BadInput for one that does not."""
    takes = {
        Action.AMEND: {"patch", "photos"},
        Action.RETRACT: {"what"},
        Action.FOUND: {"child", "confirmed_by", "outcome"},
        Action.CANCEL: {"why"},
        Action.CHANGE_PROGRAMME: {"programme"},
        Action.PROPOSE_OUTCOME: {"texts"},
    }.get(action, set())
    content = said.model_dump(mode="json", exclude_none=True, exclude={"id", "digest", "reason", "photos"})
    for field in sorted(said.model_fields_set - {"id", "digest", "reason"} - takes):
        raise BadInput(field, f"does not belong to {action.value}")
    if action is Action.CHANGE_PROGRAMME:
        programme = programmes.get(str(said.programme))
        if programme is None:
            raise BadInput("programme", f"{said.programme!r} does not exist; known: {', '.join(sorted(programmes))}")
        content["programme"] = programme.model_dump(mode="json")
    return content


def _user_of(tokens: Mapping[str, str], given: str) -> str | None:
    """Whose token it is; compared so that its time tells nothing."""
    found = None
    for token, user in tokens.items():
        if hmac.compare_digest(token.encode(), given.encode()):
            found = user
    return found


async def _bounded(request: Request) -> None:
    """Read the body here, and no more of it than a case with photos can have."""
    size, parts = 0, []
    async for part in request.stream():
        size += len(part)
        if size > MOST_BYTES:
            raise HTTPException(413, f"a request has at most {MOST_BYTES // 1_000_000} MB")
        parts.append(part)
    request._body = b"".join(parts)


def _answer_to(error: Exception) -> Response | None:
    """The problem details of an error; None for a fault of ours."""
    if isinstance(error, HTTPException):
        return _problem(error.status_code, str(error.detail))
    if isinstance(error, RequestValidationError):
        wrong = [("/".join(str(part) for part in one["loc"][1:]) or "body", str(one["msg"])) for one in error.errors()]
        return _problem(422, "; ".join(f"{field}: {expected}" for field, expected in wrong), wrong)
    problem = as_problem(error)
    if isinstance(problem, BadInput):
        status = 404 if isinstance(problem, UnknownAlert) else 422
        return _problem(status, str(problem), list(problem.problems))
    if isinstance(problem, RefusedByRule):
        return _problem(409, str(problem))
    if isinstance(problem, CannotReach):
        return _problem(503, str(problem))
    return _problem(500, str(problem)) if isinstance(problem, Problem) else None


def _problem(status: int, detail: str, wrong: list[tuple[str, str]] | None = None) -> Response:
    said = ProblemDetails(
        title=TITLES.get(status, "Problem"),
        status=status,
        detail=detail,
        errors=[{"field": field, "expected": expected} for field, expected in wrong or []],
    )
    headers = {"www-authenticate": "Bearer"} if status == 401 else {}
    return JSONResponse(said.model_dump(), status, headers, media_type=PROBLEM)
