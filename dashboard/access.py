"""Who may see the page: everyone, or who the configured OpenID provider knows."""

from __future__ import annotations

import streamlit as st

from dashboard.i18n import _
from settings import Settings


def granted(settings: Settings) -> bool:
    """Whether to draw the page; else what to do is drawn instead."""
    if not settings.oidc_metadata_url:
        return True
    if not st.user.get("is_logged_in"):  # absent while no login is configured
        st.title("Alpes Commissions", anchor=False)
        st.button(_("Log in"), type="primary", on_click=st.login)
        return False
    email = str(st.user.get("email") or "").lower()
    if settings.oidc_emails and email not in {allowed.lower() for allowed in settings.oidc_emails}:
        st.error(
            _("{account} may not see this page; ask its operator to add it to ALPES_OIDC_EMAILS.").format(
                account=email or "?"
            )
        )
        st.button(_("Log out"), on_click=st.logout)
        return False
    return True
