"""Define the control endpoints of a demo instance: scenarios, kills, restarts, crash points. All need the control token.

There are no control endpoints without a token or on a stack that is no demo.
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
from stacks.compose.cli import DockerUnavailable
from stacks.supervisor import NotRunning, PartUnknown

REFUSALS = problems.document(401, 403, 404, 409, 422, 503)


class Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class ScenarioBody(Body):
    seed: int | None = Field(None, ge=0, lt=2**31, description="a random one when absent")
    minutes: float = Field(1.0, gt=0, le=1440, description="how long chaos lasts")


class KillBody(Body):
    holdSeconds: float = Field(0.0, ge=0, le=faults.LONGEST_S, description="how long it is held down")


class CrashBody(Body):
    part: str = Field(examples=["api"])
    point: str = Field(examples=list(crash_points.POINTS))


class Started(BaseModel):
    runId: str


def router(application: Application) -> APIRouter | None:
    """Return the control endpoints of the application's instance, None when it may not have any."""
    settings = application.settings
    if not settings.demo or not settings.control_token.get_secret_value():
        return None
    control = APIRouter(
        prefix="/control", tags=["control"], dependencies=[Depends(_require_token(settings))], responses=REFUSALS
    )
    _add_scenarios(control, application)
    _add_runs(control, application)
    _add_components(control, settings)
    return control


def _require_token(settings: Settings) -> Any:
    control_token = settings.control_token.get_secret_value().encode()

    def check(
        credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(HTTPBearer(auto_error=False))],
    ) -> None:
        if credentials is None or not hmac.compare_digest(credentials.credentials.encode(), control_token):
            raise HTTPException(
                401, "this needs the control token: Authorization: Bearer …", {"WWW-Authenticate": "Bearer"}
            )

    return check


def _add_scenarios(router: APIRouter, application: Application) -> None:
    settings = application.settings

    @router.get("/scenarios")
    def catalogue() -> list[dict[str, Any]]:
        """List the scenarios with their hypotheses and faults."""
        names = ("name", "quality", "hypothesis", "breaks", "stacks", "takes_s")
        return [{name: getattr(scenario, name) for name in names} for scenario in scenarios().values()]

    @router.post("/scenarios/{name}", status_code=202)
    def start(name: str, body: ScenarioBody | None = None) -> Started:
        """Start a scenario; it continues when this client disconnects."""
        options = body or ScenarioBody(seed=None, minutes=1.0)
        try:
            return Started(runId=runner.start(settings, name, options.seed, options.minutes))
        except runner.AnotherRuns as error:
            raise HTTPException(409, str(error)) from None
        except runner.NotOnThisStack as error:
            raise HTTPException(422, str(error)) from None
        except LookupError as error:
            raise HTTPException(404, str(error)) from None
        except (NotRunning, runner.NoVerdict) as error:
            raise HTTPException(503, str(error)) from None


def _add_runs(router: APIRouter, application: Application) -> None:
    settings = application.settings

    @router.get("/runs")
    def history(limit: Annotated[int, Field(ge=1, le=1000)] = 50) -> list[journal.Run]:
        """List the runs, newest first."""
        with application.reading() as connection:
            return journal.list_runs(connection, limit)

    @router.get("/runs/{run_id}")
    def result(run_id: str) -> dict[str, Any]:
        """Return the result of a run; 404 while it has none."""
        run_result = journal.load_result(settings, _check_run(run_id))
        if run_result is None:
            raise HTTPException(404, f"run {run_id} has no result")
        return run_result.to_json()

    @router.get("/runs/{run_id}/events", response_class=EventSourceResponse)
    async def events(run_id: str) -> AsyncIterator[ServerSentEvent]:
        """Send the whole timeline of a run as server-sent events `moment`, until the run ends."""
        async for moment in iterate_in_threadpool(runner.follow(settings, _check_run(run_id))):
            yield ServerSentEvent(event="moment", data=moment)

    @router.delete("/runs/{run_id}", status_code=202)
    def stop(run_id: str) -> dict[str, str]:
        """Let a run end its faults and stop without a verdict."""
        runner.stop(settings, _check_run(run_id))
        return {"status": "stopping"}

    def _check_run(run_id: str) -> str:
        try:
            runner.check_id(run_id)
            journal.read_timeline(settings, run_id)
        except (journal.UnknownRun, ValueError):
            raise HTTPException(404, f"no run {run_id}") from None
        return run_id


def _add_components(router: APIRouter, settings: Settings) -> None:
    @router.post("/parts/{part}/kill", status_code=202)
    def kill(part: str, body: KillBody | None = None) -> faults.Lease:
        """Kill a component with SIGKILL and hold it down; it starts again by itself."""
        try:
            return faults.kill(settings, part, body.holdSeconds if body else 0.0)
        except PartUnknown as error:
            raise HTTPException(404, str(error)) from None
        except (NotRunning, DockerUnavailable) as error:
            raise HTTPException(503, str(error)) from None

    @router.delete("/parts/{part}/kill", status_code=204)
    def release(part: str) -> None:
        """Let a component that is held down start now."""
        try:
            faults.release(settings, part)
        except ValueError as error:
            raise HTTPException(404, str(error)) from None

    @router.post("/parts/{part}/restart", status_code=202)
    def restart(part: str) -> dict[str, str]:
        """Stop a component in order and start it again."""
        try:
            faults.restart(settings, part)
        except PartUnknown as error:
            raise HTTPException(404, str(error)) from None
        except (NotRunning, DockerUnavailable) as error:
            raise HTTPException(503, str(error)) from None
        return {"status": "restarted"}

    @router.post("/crash-points", status_code=202)
    def arm(body: CrashBody) -> dict[str, str]:
        """Let a component end at a crash point, once, the next time it reaches the point."""
        try:
            crash_points.arm(settings, body.part, body.point, settings.control_token.get_secret_value())
        except LookupError as error:
            raise HTTPException(404, str(error)) from None
        return {"status": "armed"}
