"""Every text of the pages is there in every language, and says the same."""

from __future__ import annotations

import ast
import re
import shutil
from pathlib import Path

import pytest

from dashboard import catalogues, i18n
from settings.model import REPOSITORY

PLACES = re.compile(r"\{\w+\}")


@pytest.fixture(scope="module")
def marked() -> set[str]:
    return {str(entry.id) for entry in catalogues.extract_texts() if entry.id}


@pytest.mark.parametrize("language", i18n.TRANSLATED)
def test_every_marked_text_is_translated_and_none_is_left_over(language: str, marked: set[str]) -> None:
    found = {str(entry.id): str(entry.string) for entry in i18n.catalogue(language) if entry.id}
    assert {text for text in marked if not found.get(text)} == set(), "python -m dashboard.catalogues, then translate"
    assert set(found) - marked == set(), "python -m dashboard.catalogues drops what is gone"


@pytest.mark.parametrize("language", i18n.TRANSLATED)
def test_a_translation_has_the_places_of_its_text(language: str) -> None:
    for entry in i18n.catalogue(language):
        if entry.id:
            assert sorted(PLACES.findall(str(entry.id))) == sorted(PLACES.findall(str(entry.string))), entry.id
            assert not entry.fuzzy, entry.id


def test_the_catalogues_are_as_the_tool_writes_them(tmp_path: Path) -> None:
    folder = tmp_path / "locale"
    shutil.copytree(i18n.LOCALE, folder)
    catalogues.main(folder)
    for language in i18n.TRANSLATED:
        assert catalogues.path(language, folder).read_text() == catalogues.path(language).read_text()


def test_no_text_hides_in_an_f_string() -> None:
    """Texts in f-strings are not found when the catalogues are made."""
    for path in (REPOSITORY / "dashboard").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.JoinedStr):
                calls = [inner for inner in ast.walk(node) if isinstance(inner, ast.Call)]
                names = [call.func.id for call in calls if isinstance(call.func, ast.Name)]
                assert "_" not in names, f"{path}:{node.lineno}"


def test_the_language_is_the_urls_then_the_browsers_then_english() -> None:
    assert i18n.chosen("es-CO", None) == "es"
    assert i18n.chosen("es-CO", "en") == "en"
    assert i18n.chosen("fr-FR", None) == "en"
    assert i18n.chosen(None, "xx") == "en"


def test_numbers_are_written_as_the_browsers_locale_has_them(monkeypatch: pytest.MonkeyPatch) -> None:
    def shown(language: str, browser: str) -> str:
        monkeypatch.setattr(i18n, "_resolve", lambda: (language, browser))
        return i18n.number(1234567.5, 1)

    assert shown("en", "en-US") == "1,234,567.5"
    assert shown("es", "es-ES") == "1.234.567,5"
    assert shown("es", "es-MX") == "1,234,567.5"
    assert shown("es", "en-US") == "1.234.567,5"
    assert i18n.number(None) == "—"


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (0.0042, "0.004 ms"),
        (0.26, "0.26 ms"),
        (-0.26, "-0.26 ms"),
        (12.34, "12.3 ms"),
        (512.3, "512 ms"),
        (999.4, "999 ms"),
        (999.6, "1.00 s"),
        (1041, "1.04 s"),
        (-1041, "-1.04 s"),
        (9_994, "9.99 s"),
        (9_996, "10.0 s"),
        (12_340, "12.3 s"),
    ],
)
def test_milliseconds_keep_the_digits_that_matter(value: float, shown: str) -> None:
    assert i18n.milliseconds(value) == shown


def test_a_second_in_spanish_is_not_mistaken_for_a_millisecond(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(i18n, "_resolve", lambda: ("es", "es-CO"))
    assert i18n.milliseconds(1041) == "1,04 s"
    assert "ms" not in "".join(i18n.milliseconds(value) for value in range(1_000, 100_000, 333))
