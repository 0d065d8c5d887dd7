"""Draw a page: Streamlit runs this script each time."""

from dashboard import frame

frame.run()
