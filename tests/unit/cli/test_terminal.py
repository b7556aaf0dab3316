"""What others wrote cannot play with an auditor's terminal."""

import json

import pytest
from rich.text import Text

from components.audit.excerpt import EXCERPT_CHARACTERS
from components.audit.query.error import QueryError
from components.audit.query.parser import parse_query
from components.cli.output.console import make_console, make_table
from components.cli.output.search import explain_query_error, style_excerpt
from components.cli.output.terminal import show_json, show_text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain, Zürich, 金价, 👍🏽", "plain, Zürich, 金价, 👍🏽"),
        ("\x1b[2J\x1b]0;title\x07", "\\x1b[2J\\x1b]0;title\\x07"),
        ("\x9b31m", "\\x9b31m"),
        ("\x00\x7f\x08", "\\x00\\x7f\\x08"),
        ("a\rb\tc\nd", "a\\rb\\tc\\nd"),
        ("pay \u202e001\u202c now", "pay \\u202e001\\u202c now"),
        ("\u2066x\u2069\u200f\u061c", "\\u2066x\\u2069\\u200f\\u061c"),
        ("go\u200bld\u00ad\ufeff", "go\\u200bld\\xad\\ufeff"),
        ("\U000e0041", "\\U000e0041"),
        ("\u2028\u2029", "\\u2028\\u2029"),
        ("\udcff", "\\udcff"),
        ("می\u200cخواهم 👨\u200d👩", "می\u200cخواهم 👨\u200d👩"),
        ("[bold red]x[/] :smile:", "[bold red]x[/] :smile:"),
    ],
)
def test_what_could_move_hide_or_reorder_is_shown_as_an_escape(text: str, shown: str) -> None:
    assert show_text(text) == shown


def test_what_is_kept_stays() -> None:
    assert show_text("a\nb\x1b", keep="\n") == "a\nb\\x1b"


def test_json_says_the_same_without_dangerous_characters() -> None:
    value = {"text": 'a"\\\n\x1b\x9b\u202e\U000e0041\u2028金 é'}
    shown = show_json(json.dumps(value, ensure_ascii=False).encode())
    assert json.loads(shown) == value
    assert not set(shown) & set("\x1b\x9b\u202e\U000e0041\u2028")
    assert "金 é" in shown


def excerpt(text: str, query: str) -> tuple[str, list[str]]:
    made: Text = style_excerpt(text, parse_query(query, 0))
    return made.plain, [made.plain[span.start : span.end] for span in made.spans]


@pytest.mark.parametrize(
    ("text", "query", "hits"),
    [
        ("Selling copper, buying Copper", "copper", ["copper", "Copper"]),
        ("coppers copper", "copper", ["copper"]),
        ("coppers copper", "copp*", ["coppers", "copper"]),
        ("Straße in ZÜRICH", "strasse zurich", ["Straße", "ZÜRICH"]),
        ("spot-price; spot the price", '"spot price"', ["spot-price"]),
        ("今天铜价格上涨", "铜价", ["铜价"]),
        ("buy🚀🚀", "🚀", ["🚀🚀"]),
        ("copper and tin", "copper -tin NOT and", ["copper"]),
        ("go\u200bld", "gold", ["go\\u200bld"]),
        ("nothing here", "from:alice", []),
    ],
)
def test_hits_are_highlighted_where_they_stand(text: str, query: str, hits: list[str]) -> None:
    assert excerpt(text, query) == (show_text(text), hits)


def test_a_long_text_is_cut_around_its_first_hit() -> None:
    plain, hits = excerpt("before " * 200 + "copper" + " after" * 200, "copper")
    assert hits == ["copper"]
    assert plain.startswith("… ")
    assert plain.endswith(" …")
    assert len(plain) <= EXCERPT_CHARACTERS + 4


def test_lines_that_say_the_same_are_shown_once() -> None:
    assert excerpt("Offer\ncopper at 9\n copper at 9 ", "copper") == ("Offer ⏎ copper at 9", ["copper"])


@pytest.mark.parametrize(
    ("query", "explained"),
    [
        ("a AND", "  a AND\n       ^\nsomething to search for must follow AND"),
        ("金价 OR", "  金价 OR\n         ^\nsomething to search for must follow OR"),
        ("\x1b[2J (", '  \\x1b[2J (\n          ^\nthis "(" is never closed'),
    ],
)
def test_a_wrong_query_is_shown_with_a_caret(query: str, explained: str) -> None:
    with pytest.raises(QueryError) as caught:
        parse_query(query, 0)
    assert explain_query_error(caught.value) == explained


def test_no_line_is_broken_or_filled_up_where_there_is_no_terminal(
    capsys: pytest.CaptureFixture[str],
) -> None:
    table = make_table("id", "what")
    for text in ("x" * 5000, "short"):
        table.add_row("gate/1", text)
    make_console().print(table)
    make_console().print("y " * 3000)
    long = " ".join("y" * 3000)
    assert capsys.readouterr().out == f"id      what\ngate/1  {'x' * 5000}\ngate/1  short\n{long}\n"
