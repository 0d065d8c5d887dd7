"""`python -m api`: the HTTP API on the instance's port."""

from __future__ import annotations

import logging
import sys

import uvicorn

from api.app import create_app
from application import Application
from settings import load


def main() -> None:
    logging.basicConfig(stream=sys.stdout, level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    settings = load()
    app = create_app(Application(settings, pool_size=10))
    uvicorn.run(
        app,
        host=settings.bind,
        port=settings.api_port,
        log_level="warning",
        access_log=False,
        timeout_graceful_shutdown=5,
    )


if __name__ == "__main__":
    main()
