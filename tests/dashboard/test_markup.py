"""Test the small pieces of HTML: every value is escaped once, wherever it stands."""

from __future__ import annotations

from application.commissions import new_id
from dashboard.components.markup import Html, facts, join, shorten, table, tag, trace_link
from dashboard.components.percentile_table import table_of
from dashboard.view_models.latencies import END_TO_END, Quantiles

HOSTILE = '"><script>alert(1)</script>'


def test_a_value_is_escaped_in_text_and_in_attributes_and_html_is_not() -> None:
    made = tag("p", HOSTILE, title=HOSTILE, class_="c", data_key="k", hidden=None)
    assert "<script>" not in made
    assert made.startswith('<p title="&quot;&gt;')
    assert ' class="c" data-key="k">' in made
    assert "hidden" not in made
    assert tag("div", made) == f"<div>{made}</div>"
    assert join([Html("<b>"), "<b>"]) == "<b>&lt;b&gt;"


def test_tables_facts_and_links_escape_what_they_show() -> None:
    for made in (
        table([("head", HOSTILE)], [(HOSTILE, [HOSTILE, tag("b", "x")])], HOSTILE),
        facts([(HOSTILE, HOSTILE)]),
        trace_link(HOSTILE),
    ):
        assert "<script>" not in made
    assert "<b>x</b>" in table([], [("k", [tag("b", "x")])])


def test_a_link_shows_the_end_of_an_id_because_ids_of_one_minute_begin_alike() -> None:
    ids = [new_id() for _ in range(20)]
    shown = {shorten(id_) for id_ in ids}
    assert len(shown) == len(ids)
    assert all(id_.endswith(short) and len(short) == 8 for id_, short in zip(ids, map(shorten, ids), strict=True))
    assert f">{shorten(ids[0])}</a>" in trace_link(ids[0])


def test_a_table_can_be_scrolled_by_keyboard() -> None:
    assert 'tabindex="0"' in table([], [])


def test_the_percentiles_have_a_row_for_each_hop_and_name_the_whole_path() -> None:
    made = table_of(
        {"occurred→committed": Quantiles(3, 1.0, 2.0, 3.0, 4.0), END_TO_END: Quantiles(3, 5.0, 6.0, 7.0, 8.0)}
    )
    assert made.count("<tr data-key=") == 2
    assert "command to notification" in made
    assert 'title="the transaction"' in made
