"""Makes pictures small enough to be committed."""

from __future__ import annotations

import base64
import io
from typing import Any

from PIL import Image

FIGURE_COLOURS = 48
"""A figure has a dozen colours; the others are the blended pixels at the edges of lines and letters."""


def shrink_png(png: bytes, colours: int) -> bytes:
    """Return the picture with a palette of at most `colours` (≤ 256) colours, or `png` itself where that is smaller."""
    palette_picture = Image.open(io.BytesIO(png)).convert("RGB").quantize(colours, dither=Image.Dither.NONE)
    buffer = io.BytesIO()
    palette_picture.save(buffer, "PNG", optimize=True)
    return min(buffer.getvalue(), png, key=len)


def shrink_outputs(notebook: Any) -> None:
    """Replace every PNG in the outputs of the notebook's cells (a mapping as in its JSON) by a smaller one."""
    for cell in notebook["cells"]:
        for output in cell.get("outputs", []):
            if png := output.get("data", {}).get("image/png"):
                output["data"]["image/png"] = base64.b64encode(
                    shrink_png(base64.b64decode(png), FIGURE_COLOURS)
                ).decode()
