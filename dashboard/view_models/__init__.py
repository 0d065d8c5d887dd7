"""Prepare what the pages show, as frozen values, without importing Streamlit."""

from dashboard.view_models import messages as messages  # importing any module of this package registers them
