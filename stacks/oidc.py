"""Write the settings of the page's login to the secrets file that Streamlit reads."""

from __future__ import annotations

import json
import os
from pathlib import Path

from settings import Settings


def write(settings: Settings) -> Path:
    """Write the file, readable by its owner only, and return its path. Raises OSError when the home cannot be written."""
    default_uri = f"http://localhost:{settings.dashboard_port}/oauth2callback"
    values = {
        "redirect_uri": settings.oidc_redirect_uri or default_uri,
        "cookie_secret": settings.oidc_cookie_secret.get_secret_value(),
        "client_id": settings.oidc_client_id,
        "client_secret": settings.oidc_client_secret.get_secret_value(),
        "server_metadata_url": settings.oidc_metadata_url,
    }
    path = settings.home / "secrets" / "streamlit.toml"
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with open(descriptor, "w", encoding="utf-8") as file:
        # A JSON text is a TOML basic string.
        file.write("[auth]\n" + "".join(f"{name} = {json.dumps(value)}\n" for name, value in values.items()))
    return path
