"""Control of a demo instance: scenarios, kills, restarts, crash points. Each needs the instance's control token.

Absent where there is no token, as on a stack that is not ours to break.
"""

from __future__ import annotations

import hmac
from collections.abc import AsyncIterator
from typing import Annotated, Any

from fastapi import APIRouter, Depends, HTTPException
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from fastapi.sse import EventSourceResponse, ServerSentEvent
from pydantic import BaseModel, ConfigDict, Field
from starlette.concurrency import iterate_in_threadpool

from api import problems
from application import Application, crash_points
from scenarios import journal, runner
from scenarios.catalogue import scenarios
from settings import Settings
from stacks import faults
from stacks.supervisor import NotRunning, PartUnknown

REFUSALS = problems.documented(401, 403, 404, 409, 422, 503)


class Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class ScenarioBody(Body):
    seed: int | None = Field(None, ge=0, lt=2**31, description="made up when absent")
    minutes: float = Field(1.0, gt=0, le=1440, description="how long chaos lasts")


class KillBody(Body):
    holdSeconds: float = Field(0.0, ge=0, le=faults.LONGEST_S, description="how long it is kept down")


class CrashBody(Body):
    part: str = Field(examples=["api"])
    point: str = Field(examples=list(crash_points.POINTS))


class Started(BaseModel):
    runId: str


def router(application: Application) -> APIRouter | None:
    """The control endpoints of the application's instance; None where they may not be."""
    settings = application.settings
    if not settings.demo or not settings.control_token.get_secret_value():
        return None
    made = APIRouter(prefix="/control", tags=["control"], dependencies=[Depends(_token(settings))], responses=REFUSALS)
    _scenarios(made, application)
    _parts(made, settings)
    return made


def _token(settings: Settings) -> Any:
    known = settings.control_token.get_secret_value().encode()

    def check(given: Annotated[HTTPAuthorizationCredentials | None, Depends(HTTPBearer(auto_error=False))]) -> None:
        if given is None or not hmac.compare_digest(given.credentials.encode(), known):
            raise HTTPException(
                401, "this needs the control token: Authorization: Bearer …", {"WWW-Authenticate": "Bearer"}
            )

    return check


def _scenarios(to: APIRouter, application: Application) -> None:
    settings = application.settings

    @to.get("/scenarios")
    def catalogue() -> list[dict[str, Any]]:
        """Every scenario with its hypothesis and what it breaks."""
        names = ("name", "quality", "hypothesis", "breaks", "stacks", "takes_s")
        return [{name: getattr(each, name) for name in names} for each in scenarios().values()]

    @to.post("/scenarios/{name}", status_code=202)
    def start(name: str, body: ScenarioBody | None = None) -> Started:
        """Start a scenario; it goes on whatever becomes of this client."""
        wanted = body or ScenarioBody(seed=None, minutes=1.0)
        try:
            return Started(runId=runner.start(settings, name, wanted.seed, wanted.minutes))
        except runner.AnotherRuns as error:
            raise HTTPException(409, str(error)) from None
        except runner.NotOnThisStack as error:
            raise HTTPException(422, str(error)) from None
        except LookupError as error:
            raise HTTPException(404, str(error)) from None
        except (NotRunning, runner.NoVerdict) as error:
            raise HTTPException(503, str(error)) from None

    @to.get("/runs")
    def history(limit: Annotated[int, Field(ge=1, le=1000)] = 50) -> list[journal.Run]:
        """The runs, newest first."""
        with application.reading() as connection:
            return journal.list_runs(connection, limit)

    @to.get("/runs/{run_id}")
    def found(run_id: str) -> dict[str, Any]:
        """What a run found; 404 until it has."""
        result = journal.load_result(settings, _known(run_id))
        if result is None:
            raise HTTPException(404, f"run {run_id} has no result")
        return result.to_json()

    @to.get("/runs/{run_id}/events", response_class=EventSourceResponse)
    async def events(run_id: str) -> AsyncIterator[ServerSentEvent]:
        """The timeline as server-sent events `moment`, from its beginning to its last word."""
        async for moment in iterate_in_threadpool(runner.follow(settings, _known(run_id))):
            yield ServerSentEvent(event="moment", data=moment)

    @to.delete("/runs/{run_id}", status_code=202)
    def stop(run_id: str) -> dict[str, str]:
        """Ask a run to restore what it broke and end without a verdict."""
        runner.stop(settings, _known(run_id))
        return {"status": "stopping"}

    def _known(run_id: str) -> str:
        try:
            runner.check_id(run_id)
            journal.read_timeline(settings, run_id)
        except (journal.UnknownRun, ValueError):
            raise HTTPException(404, f"no run {run_id}") from None
        return run_id


def _parts(to: APIRouter, settings: Settings) -> None:
    @to.post("/parts/{part}/kill", status_code=202)
    def kill(part: str, body: KillBody | None = None) -> faults.Lease:
        """SIGKILL a part and keep it down; it comes back by itself."""
        try:
            return faults.kill(settings, part, body.holdSeconds if body else 0.0)
        except PartUnknown as error:
            raise HTTPException(404, str(error)) from None
        except NotRunning as error:
            raise HTTPException(503, str(error)) from None

    @to.delete("/parts/{part}/kill", status_code=204)
    def release(part: str) -> None:
        """Let a part that is kept down come back now."""
        try:
            faults.release(settings, part)
        except ValueError as error:
            raise HTTPException(404, str(error)) from None

    @to.post("/parts/{part}/restart", status_code=202)
    def restart(part: str) -> dict[str, str]:
        """Stop a part politely and start it again."""
        try:
            faults.restart(settings, part)
        except PartUnknown as error:
            raise HTTPException(404, str(error)) from None
        except NotRunning as error:
            raise HTTPException(503, str(error)) from None
        return {"status": "restarted"}

    @to.post("/crash-points", status_code=202)
    def arm(body: CrashBody) -> dict[str, str]:
        """Let a part die at a named point of its code, once, the next time it gets there."""
        try:
            crash_points.arm(settings, body.part, body.point, settings.control_token.get_secret_value())
        except LookupError as error:
            raise HTTPException(404, str(error)) from None
        return {"status": "armed"}
