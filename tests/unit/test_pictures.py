"""Pictures for the repository are smaller and show the same."""

from __future__ import annotations

import base64
import io

from PIL import Image

from lab import pictures


def _gradient() -> bytes:
    """A PNG of 128 × 128 points in some sixteen thousand colours."""
    picture = Image.new("RGB", (128, 128))
    picture.putdata([(2 * x, 2 * y, (x * y) % 256) for y in range(128) for x in range(128)])
    buffer = io.BytesIO()
    picture.save(buffer, "PNG")
    return buffer.getvalue()


def _open(png: bytes) -> Image.Image:
    return Image.open(io.BytesIO(png)).convert("RGB")


def test_a_picture_keeps_its_size_and_gets_few_colours() -> None:
    png = _gradient()
    small = pictures.shrink_png(png, colours=48)
    assert len(small) < len(png)
    assert _open(small).size == (128, 128)
    assert len(_open(small).getcolors(maxcolors=1 << 16) or []) <= 48


def test_a_picture_that_is_small_already_stays_as_it_is() -> None:
    small = pictures.shrink_png(_gradient(), colours=16)
    assert _open(pictures.shrink_png(small, colours=256)).tobytes() == _open(small).tobytes()
    assert len(pictures.shrink_png(small, colours=256)) <= len(small)


def test_the_pictures_of_a_notebook_shrink_and_its_other_outputs_stay() -> None:
    png = base64.b64encode(_gradient()).decode()
    text = {"output_type": "stream", "text": "x"}
    shown = {"image/png": png, "text/plain": "figure"}
    figure = {"output_type": "display_data", "data": shown}
    notebook = {"cells": [{"cell_type": "markdown", "source": "x"}, {"cell_type": "code", "outputs": [text, figure]}]}
    pictures.shrink_outputs(notebook)
    assert text == {"output_type": "stream", "text": "x"}
    assert shown["text/plain"] == "figure"
    assert len(shown["image/png"]) < len(png)
