"""Make small pieces of HTML; every value is escaped here."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

from dashboard.i18n import _, language


class Html(str):
    """A string that is HTML already and is not escaped again."""

    __slots__ = ()


# Drawn here, because not every font has a sign for it.
_COPY_ICON = Html(
    '<svg viewBox="0 0 16 16" width="12" height="12" fill="none" stroke="currentColor" stroke-width="1.6" aria-hidden="true">'
    '<path d="M5.5 5.5h8v8h-8z M10.5 2.5h-8v8"/></svg>'
)


def text(value: object) -> str:
    return value if isinstance(value, Html) else escape(str(value))


def tag(name: str, body: object = "", **attributes: object) -> Html:
    """Return an HTML element. `class_` and `data_key` become `class` and `data-key`; None omits an attribute."""
    rendered = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{escape(str(value))}"'
        for key, value in attributes.items()
        if value is not None
    )
    return Html(f"<{name}{rendered}>{text(body)}</{name}>")


def join(parts: Iterable[object]) -> Html:
    return Html("".join(text(part) for part in parts))


def shorten(reference: str) -> str:
    """Return the last eight characters of an id: all ids of the same minute begin alike."""
    return reference[-8:]


def trace_link(reference: str, label: str | None = None) -> Html:
    """Return a link to the trace of an event, commission or correlation id; it shows the short form by default."""
    return tag(
        "a",
        label or shorten(reference),
        href=f"trace?id={escape(reference)}&lang={language()}",
        data_go=reference,
        title=reference,
        class_="mono",
    )


def copy_button(content: str) -> Html:
    """Return a button that copies the text; `live.js` does it and marks the button for a moment."""
    label = _("Copy")
    return tag("button", _COPY_ICON, class_="copy", type="button", data_copy=content, title=label, aria_label=label)


def identifier(value: str) -> Html:
    """Return an id in full, with a button that copies it."""
    return tag("span", join([tag("span", value, class_="mono"), copy_button(value)]), class_="identifier")


def table(
    head: Sequence[tuple[str, str]], rows: Iterable[tuple[str, Sequence[object]]], caption: str | None = None
) -> Html:
    """Return a table. `head`: text, and its explanation on hover. `rows`: key and cells; a cell may be HTML."""
    columns = join(tag("th", name, title=hint or None, scope="col") for name, hint in head)
    body = join(tag("tr", join(tag("td", cell) for cell in cells), data_key=key) for key, cells in rows)
    above = tag("caption", caption) if caption else ""
    return tag(
        "div",
        tag("table", join([above, tag("thead", tag("tr", columns)), tag("tbody", body)])),
        class_="scroll",
        tabindex="0",
    )


def facts(pairs: Iterable[tuple[str, object]]) -> Html:
    return tag("dl", join(join([tag("dt", name), tag("dd", value)]) for name, value in pairs), class_="facts")


def empty(sentence: str) -> Html:
    return tag("p", sentence, class_="empty")


def notice(sentence: object) -> Html:
    return tag("div", sentence, class_="notice", role="status")
