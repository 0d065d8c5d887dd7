"""Run the HTTP API on the instance's port: `python -m api`."""

from __future__ import annotations

import sys
from contextlib import suppress

import uvicorn

from api.app import create_app
from api.connections import ImpatientProtocol
from application import Application
from settings import Settings, load
from stacks.hosts import AllowedHosts, HostGuard
from telemetry.process import telemetry


def configuration(settings: Settings, application: Application) -> uvicorn.Config:
    """Return how uvicorn serves the application: only its own host names, and clients as trusted proxies name them."""
    return uvicorn.Config(
        HostGuard(create_app(application), AllowedHosts(settings)),
        host=settings.bind,
        port=settings.api_port,
        http=ImpatientProtocol,
        ws="none",
        proxy_headers=bool(settings.trusted_proxies),
        forwarded_allow_ips=list(settings.trusted_proxies),
        log_config=None,  # its loggers use the handlers of `telemetry.logs`
        log_level="warning",
        access_log=False,
        timeout_graceful_shutdown=5,
    )


def main() -> None:
    settings = load()
    with telemetry(settings, "api"):
        server = uvicorn.Server(configuration(settings, Application(settings, pool_size=10)))
        with suppress(KeyboardInterrupt):
            server.run()
        if not server.started:
            sys.exit(1)  # its log says why


if __name__ == "__main__":
    main()
