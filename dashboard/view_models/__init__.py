"""What the pages show, as frozen values; imports no Streamlit."""
