"""`streamlit run dashboard/app.py`: the entry; `ALPES_HOME` names the instance."""

import sys
from pathlib import Path

# `streamlit run` puts this script's folder first on the import path: the repository's own names come before it.
ROOT = str(Path(__file__).resolve().parent.parent)
if sys.path[0] != ROOT:
    sys.path.insert(0, ROOT)

import streamlit as st  # noqa: E402

from dashboard import access, resources  # noqa: E402
from dashboard.pages import live  # noqa: E402

st.set_page_config(page_title="Alpes Commissions", page_icon="📤", layout="wide")
if not access.granted(resources.settings()):
    st.stop()
st.navigation([st.Page(live.show, title="Live", url_path="live", default=True)], position="hidden").run()
