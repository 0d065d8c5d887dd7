"""Test with Schemathesis that no request causes a 5xx and that every answer is documented."""

from __future__ import annotations

import atexit
import shutil
import tempfile
from pathlib import Path
from typing import Any

import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis.specs.openapi.checks import positive_data_acceptance

from api.app import create_app
from application import Application
from db.engine import connect
from db.migrate import upgrade
from settings import Settings

_folder = Path(tempfile.mkdtemp(prefix="alpes-schema-"))
atexit.register(shutil.rmtree, _folder, ignore_errors=True)
_settings = Settings(home=_folder, database_url=f"sqlite:///{_folder / 'a.db'}")
upgrade(connect(_settings.database_url))
schema = schemathesis.openapi.from_asgi("/openapi.json", create_app(Application(_settings)))


@schema.parametrize()  # type: ignore[untyped-decorator]
@settings(max_examples=60, suppress_health_check=list(HealthCheck))
def test_no_request_makes_the_api_fail(case: Any) -> None:
    response = case.call()
    assert response.status_code < 500
    # The schema of one field cannot say that 1.001 USD is refused.
    case.validate_response(response, excluded_checks=[positive_data_acceptance])
