"""The page's login against an OpenID provider that runs here: who is listed gets in, who is not is told."""

from __future__ import annotations

import json
import secrets
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from joserfc import jwt
from joserfc.jwk import RSAKey
from playwright.sync_api import Browser, expect
from pydantic import SecretStr

from scenarios import end_to_end
from settings import Settings

pytestmark = pytest.mark.browser
QUIET = ("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking")


class Provider(ThreadingHTTPServer):
    """Discovery, keys, an authorization that asks nobody, and tokens; says who `email` is."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Answers)
        self.key = RSAKey.generate_key(2048, {"kid": "one"})
        self.url = f"http://127.0.0.1:{self.server_port}"
        self.email = ""
        self.verified = True
        self.nonces: dict[str, str] = {}
        self.secrets_given: list[str] = []


class _Answers(BaseHTTPRequestHandler):
    server: Provider

    def do_GET(self) -> None:
        at, provider = urlsplit(self.path), self.server
        if at.path == "/.well-known/openid-configuration":
            self._json(
                {
                    "issuer": provider.url,
                    "authorization_endpoint": f"{provider.url}/authorize",
                    "token_endpoint": f"{provider.url}/token",
                    "jwks_uri": f"{provider.url}/keys",
                    "response_types_supported": ["code"],
                    "subject_types_supported": ["public"],
                    "id_token_signing_alg_values_supported": ["RS256"],
                }
            )
        elif at.path == "/keys":
            self._json({"keys": [provider.key.as_dict(private=False)]})
        elif at.path == "/authorize":
            asked = {name: values[0] for name, values in parse_qs(at.query).items()}
            code = secrets.token_urlsafe(8)
            provider.nonces[code] = asked.get("nonce", "")
            self.send_response(302)
            back = urlencode({"code": code, "state": asked["state"]})
            self.send_header("Location", f"{asked['redirect_uri']}?{back}")
            self.end_headers()
        else:
            self.send_error(404)

    def do_POST(self) -> None:
        provider = self.server
        body = parse_qs(self.rfile.read(int(self.headers["content-length"])).decode())
        provider.secrets_given += [self.headers.get("authorization", ""), *body.get("client_secret", [])]
        now = int(time.time())
        claims = {
            "iss": provider.url,
            "aud": "alpes",
            "sub": "someone",
            "email": provider.email,
            "email_verified": provider.verified,
            "nonce": provider.nonces.pop(body["code"][0]),
            "iat": now,
            "exp": now + 300,
        }
        token = jwt.encode({"alg": "RS256", "kid": "one"}, claims, provider.key)
        self._json({"access_token": "unused", "token_type": "Bearer", "expires_in": 300, "id_token": token})

    def _json(self, value: object) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        self.wfile.write(json.dumps(value).encode())

    def log_message(self, format: str, *arguments: object) -> None:
        pass


@pytest.fixture(scope="module")
def provider() -> Iterator[Provider]:
    server = Provider()
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture(scope="module")
def settings(provider: Provider) -> Iterator[Settings]:
    with end_to_end.running(
        "embedded",
        private=True,
        without=(),
        oidc_metadata_url=f"{provider.url}/.well-known/openid-configuration",
        oidc_client_id="alpes",
        oidc_client_secret=SecretStr("known-to-both"),
        oidc_emails=("Ana@example.org",),
    ) as made:
        yield made


@pytest.mark.parametrize(
    ("email", "verified", "refusal"),
    [
        ("ana@example.org", True, None),
        ("eve@example.org", True, "may not see this page"),
        ("ana@example.org", False, "email_verified"),
    ],
)
def test_who_is_listed_and_vouched_for_gets_in(
    settings: Settings, provider: Provider, browser: Browser, email: str, verified: bool, refusal: str | None
) -> None:
    provider.email, provider.verified = email, verified
    page = browser.new_context().new_page()
    page.goto(f"http://localhost:{settings.dashboard_port}")
    login = page.get_by_role("button", name="Log in")
    expect(login).to_be_visible()
    expect(page.get_by_role("button", name="Calculate")).to_have_count(0)
    login.click()
    if refusal is None:
        expect(page.get_by_role("button", name="Calculate")).to_be_visible()
    else:
        expect(page.get_by_text(refusal)).to_be_visible()
        expect(page.get_by_role("button", name="Calculate")).to_have_count(0)
    assert any("known-to-both" in given or given.startswith("Basic ") for given in provider.secrets_given)
    page.context.close()
