"""Who may see the page, and what they may do there.

Seeing: everyone, or who the configured OpenID provider knows and vouches for. Doing: what `application.permissions` lets a
page do, asked when a control is drawn and again when it acts.
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
    """Whether to draw the page; else what to do is drawn instead."""
    if admitted(settings):
        return True
    claims = st.user.to_dict()
    if not _logged_in(settings, claims):
        st.title("Alpes Commissions", anchor=False)
        st.button(_("Log in"), type="primary", on_click=st.login)  # no one is let in by a button: the provider decides
        return False
    st.error(not_admitted(settings, claims) or "")
    st.button(_("Log out"), on_click=st.logout)
    return False


def admitted(settings: Settings) -> bool:
    """Whether this visitor may see and do what the page offers now: asked at every run, a fragment's or a callback's too."""
    if not settings.oidc_metadata_url:
        return True
    claims = st.user.to_dict()
    return _logged_in(settings, claims) and not_admitted(settings, claims) is None


def not_admitted(settings: Settings, claims: Mapping[str, Any]) -> str | None:
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


def may(action: Action) -> bool:
    """Whether this visitor may do it now."""
    settings = resources.settings()
    return refusal(settings, action, Caller.PAGE) is None and admitted(settings)


def require(action: Action) -> None:
    """Raises Forbidden."""
    settings = resources.settings()
    reason = refusal(settings, action, Caller.PAGE) or (None if admitted(settings) else "the login has ended")
    if reason is not None:
        raise Forbidden(reason)


def why_only_shown() -> str:
    """What a page says instead of controls that it does not have."""
    settings = resources.settings()
    if settings.read_only:
        return _("This instance is shown read-only: it takes no commands.")
    if settings.oidc_metadata_url:
        return _("This is no demo: nothing is broken or emptied from this page.")
    return _("This is no demo, and its page has no login: it shows, and changes nothing. `./alpes` on its host does.")


def _logged_in(settings: Settings, claims: Mapping[str, Any]) -> bool:
    """Whether there is a login that has not run out; every ID token says when it was issued."""
    if not claims.get("is_logged_in"):  # absent while no login is configured
        return False
    issued_at = claims.get("iat")
    return isinstance(issued_at, int | float) and time.time() < issued_at + settings.oidc_session_hours * 3600
