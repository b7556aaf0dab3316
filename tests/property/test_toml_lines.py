"""Whatever is written, a line is found or none: of a document, each key's own line; of rubbish, no error."""

from hypothesis import given
from hypothesis import strategies as st

from policy.toml_lines import find_line
from tests.support.rounds import examples

KEYS = st.text("abc-_1", min_size=1, max_size=4)
VALUES = st.sampled_from(
    ["1", '"x # ["', "'it = [x]'", "[1, 2]", "[\n  1, # ]\n  2,\n]",
     '"""\n[a]\nb = 1\n"""', "'''\n\"[x]'''", "{ a = 1 }", '"\\""']
)  # fmt: skip


@given(st.lists(st.tuples(KEYS, st.dictionaries(KEYS, VALUES, max_size=4)), max_size=6))
@examples(300)
def test_each_key_of_an_array_of_tables_has_its_line(tables: list[tuple[str, dict[str, str]]]) -> None:
    lines: list[str] = []
    expected: dict[str, int] = {}
    counts: dict[str, int] = {}
    for name, keys in tables:
        counts[name] = counts.get(name, -1) + 1
        lines.append(f"[[{name}]] # of [[another]]")
        expected[f"{name}[{counts[name]}]"] = len(lines)
        for key, value in keys.items():
            expected[f"{name}[{counts[name]}].{key}"] = len(lines) + 1
            lines += f"{key} = {value}".split("\n")
    text = "\n".join(lines)
    assert {path: find_line(text, path) for path in expected} == expected


@given(st.text("ab.=[]{}\"'#\\\n \t", max_size=60), st.text("ab.[0]", max_size=10))
@examples(500)
def test_rubbish_is_no_error(text: str, path: str) -> None:
    found = find_line(text, path)
    assert found is None or 1 <= found <= text.count("\n") + 1
