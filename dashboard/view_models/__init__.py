"""Prepare what the pages show, as frozen values, without importing Streamlit."""
