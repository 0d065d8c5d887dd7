"""Update the catalogues from the texts in the code and the templates of messages: `python -m dashboard.catalogues`.

New texts are added without a translation, and a test names them; texts that the code no longer has are removed. English
has no catalogue: the texts in the code are English.
"""

from __future__ import annotations

import re
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po, write_po

from dashboard.i18n import DOMAIN, LOCALE, TRANSLATED
from dashboard.view_models.scenario_words import CHAOS
from domain.message import registered
from scenarios.catalogue import scenarios

KEYWORDS = {"_": None, "N_": None}
PLACE = re.compile(r"\{\w+\}")
HERE = Path(__file__).parent


def extract_texts() -> Catalog:
    """Return every text in the code that is marked for translation, with the files that contain it."""
    catalog = Catalog(domain=DOMAIN, project="Alpes Commissions", charset="utf-8")
    for name, _line, message, comments, _context in extract_from_dir(
        HERE, method_map=[("**.py", "python")], keywords=KEYWORDS
    ):
        catalog.add(message, locations=[(name, 1)], auto_comments=comments)
    for message in sorted(of_scenarios() | of_messages()):
        catalog.add(message)
    return catalog


def of_messages() -> set[str]:
    """Return the English templates of all messages, without those that have places and no word."""
    return {template for template in registered().values() if any(map(str.isalpha, PLACE.sub("", template)))}


def of_scenarios() -> set[str]:
    """Return the English texts by which the scenarios in `scenarios/catalogue` describe themselves."""
    return {
        text for scenario in scenarios().values() for text in (scenario.quality, scenario.hypothesis, scenario.breaks)
    } | set(CHAOS)


def path(language: str, folder: Path = LOCALE) -> Path:
    return folder / language / "LC_MESSAGES" / f"{DOMAIN}.po"


def update_catalog(language: str, template: Catalog, folder: Path = LOCALE) -> Catalog:
    with path(language, folder).open("rb") as file:
        translations = {entry.id: entry.string for entry in read_po(file, locale=language) if entry.id}
    catalog = Catalog(locale=language, domain=DOMAIN, project="Alpes Commissions", charset="utf-8", fuzzy=False)
    for entry in sorted((entry for entry in template if entry.id), key=lambda entry: str(entry.id)):
        catalog.add(entry.id, translations.get(entry.id, ""), flags=entry.flags)
    return catalog


def main(folder: Path = LOCALE) -> None:
    template = extract_texts()
    for language in TRANSLATED:
        catalog = update_catalog(language, template, folder)
        with path(language, folder).open("wb") as file:
            write_po(file, catalog, width=120, omit_header=False, no_location=True)
        lines = path(language, folder).read_text(encoding="utf-8").splitlines(keepends=True)
        # Without dates the file changes only when a text does.
        undated_lines = [line for line in lines if not line.startswith(('"POT-Creation-Date', '"PO-Revision-Date'))]
        path(language, folder).write_text("".join(undated_lines), encoding="utf-8")
        missing = sum(1 for entry in catalog if entry.id and not entry.string)
        print(f"{language}: {len(catalog)} texts, {missing} without translation")


if __name__ == "__main__":
    main()
