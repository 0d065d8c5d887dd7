"""Who may see the page: everyone, or who the configured OpenID provider knows and vouches for."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

import streamlit as st

from dashboard.i18n import _
from settings import Settings


def granted(settings: Settings) -> bool:
    """Whether to draw the page; else what to do is drawn instead."""
    if admitted(settings):
        return True
    claims = st.user.to_dict()
    if not _logged_in(settings, claims):
        st.title("Alpes Commissions", anchor=False)
        st.button(_("Log in"), type="primary", on_click=st.login)
        return False
    st.error(refusal(settings, claims))
    st.button(_("Log out"), on_click=st.logout)
    return False


def admitted(settings: Settings) -> bool:
    """Whether this visitor may see and do what the page offers now: asked at every run, a fragment's or a callback's too."""
    if not settings.oidc_metadata_url:
        return True
    claims = st.user.to_dict()
    return _logged_in(settings, claims) and refusal(settings, claims) is None


def refusal(settings: Settings, claims: Mapping[str, Any]) -> str | None:
    """Why an account with these claims of its ID token is not let in, in a sentence; None where it is."""
    email = str(claims.get("email") or "").lower()
    verified = claims.get("email_verified", settings.oidc_trust_unverified)
    if verified is not True and verified != "true":  # some providers send it as a text
        return _(
            "The provider does not say that {account} is a verified address (claim email_verified), so it opens nothing here."
        ).format(account=email or "?")
    if settings.oidc_emails and email not in {allowed.lower() for allowed in settings.oidc_emails}:
        return _("{account} may not see this page; ask its operator to add it to ALPES_OIDC_EMAILS.").format(
            account=email or "?"
        )
    return None


def _logged_in(settings: Settings, claims: Mapping[str, Any]) -> bool:
    """Whether there is a login that has not run out; every ID token says when it was issued."""
    if not claims.get("is_logged_in"):  # absent while no login is configured
        return False
    issued_at = claims.get("iat")
    return isinstance(issued_at, int | float) and time.time() < issued_at + settings.oidc_session_hours * 3600
