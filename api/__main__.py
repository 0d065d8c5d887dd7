"""`python -m api`: the HTTP API on the instance's port."""

from __future__ import annotations

import uvicorn

from api.app import create_app
from application import Application
from settings import load
from telemetry.process import telling


def main() -> None:
    settings = load()
    with telling(settings, "api"):
        app = create_app(Application(settings, pool_size=10))
        uvicorn.run(
            app,
            host=settings.bind,
            port=settings.api_port,
            log_config=None,  # its loggers write through ours
            log_level="warning",
            access_log=False,
            timeout_graceful_shutdown=5,
        )


if __name__ == "__main__":
    main()
