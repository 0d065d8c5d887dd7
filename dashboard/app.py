"""`streamlit run dashboard/app.py`: the entry; `ALPES_HOME` names the instance."""

import sys
from pathlib import Path

# `streamlit run` puts this script's folder first on the import path: the repository's own names come before it.
ROOT = str(Path(__file__).resolve().parent.parent)
if sys.path[0] != ROOT:
    sys.path.insert(0, ROOT)

from dashboard import frame  # noqa: E402

frame.run()
