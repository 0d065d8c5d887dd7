"""Decide who may see the page, and what they may do there.

Everyone may see it, unless an OpenID provider is configured: then only accounts that the provider has logged in, with
an allowed address that it has verified. What a page may do is decided by `application.permissions`, which is asked when
a control is drawn and again when it acts.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

import streamlit as st

from application.permissions import Action, Caller, Forbidden, refusal
from dashboard import resources
from dashboard.i18n import _
from settings import Settings


def granted(settings: Settings) -> bool:
    """Return whether the page may be drawn; if not, draw the login or the reason for the refusal instead."""
    if admitted(settings):
        return True
    claims = st.user.to_dict()
    if not _logged_in(settings, claims):
        st.title("Alpes Commissions", anchor=False)
        st.button(_("Log in"), type="primary", on_click=st.login)  # the button grants nothing: the provider decides
        return False
    st.error(not_admitted(settings, claims) or "")
    st.button(_("Log out"), on_click=st.logout)
    return False


def admitted(settings: Settings) -> bool:
    """Return whether this visitor has access to the page now. Every run asks, also a fragment's or a callback's."""
    if not settings.oidc_metadata_url:
        return True
    claims = st.user.to_dict()
    return _logged_in(settings, claims) and not_admitted(settings, claims) is None


def not_admitted(settings: Settings, claims: Mapping[str, Any]) -> str | None:
    """Return a sentence that says why an account with these claims of its ID token has no access; None if it has."""
    email = str(claims.get("email") or "").lower()
    verified = claims.get("email_verified", settings.oidc_trust_unverified)
    if verified is not True and verified != "true":  # some providers send a string
        return _(
            "The provider does not say that {account} is a verified address (claim email_verified), so it opens nothing here."
        ).format(account=email or "?")
    if settings.oidc_emails and email not in {allowed.lower() for allowed in settings.oidc_emails}:
        return _("{account} may not see this page; ask its operator to add it to ALPES_OIDC_EMAILS.").format(
            account=email or "?"
        )
    return None


def may(action: Action) -> bool:
    """Return whether this visitor may perform the action now."""
    settings = resources.settings()
    return refusal(settings, action, Caller.PAGE) is None and admitted(settings)


def require(action: Action) -> None:
    """Raise Forbidden if this visitor may not perform the action now."""
    settings = resources.settings()
    reason = refusal(settings, action, Caller.PAGE) or (None if admitted(settings) else "the login has ended")
    if reason is not None:
        raise Forbidden(reason)


def why_only_shown() -> str:
    """Return the sentence that a page shows where it has no controls."""
    settings = resources.settings()
    if settings.read_only:
        return _("This instance is shown read-only: it takes no commands.")
    if settings.oidc_metadata_url:
        return _("This is no demo: nothing is broken or emptied from this page.")
    return _(
        "This instance is no demo and its page has no login, so the page only shows. To change something, use `./alpes` on its host."
    )


def _logged_in(settings: Settings, claims: Mapping[str, Any]) -> bool:
    """Return whether there is a login that has not expired. The age is that of the ID token (`iat`)."""
    if not claims.get("is_logged_in"):  # absent while no login is configured
        return False
    issued_at = claims.get("iat")
    return isinstance(issued_at, int | float) and time.time() < issued_at + settings.oidc_session_hours * 3600
