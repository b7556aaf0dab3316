"""Which seeds a soak still has to do: a run that is interrupted goes on where it was."""

from pathlib import Path

from tests.soak.state import Done, State, commit_here


def done(seed: int, commit: str = "abc", violations: int = 0) -> Done:
    return Done(seed, 1, commit, violations, 300, 6.5)


def test_a_new_folder_has_all_of_them_left(tmp_path: Path) -> None:
    assert State(tmp_path / "soak").left(17, 3, "abc") == [17, 18, 19]


def test_what_was_done_with_this_commit_is_not_done_again(tmp_path: Path) -> None:
    state = State(tmp_path)
    for each in (done(1), done(2, "before"), done(3, violations=1), done(99)):
        state.add(each)
    assert State(tmp_path).left(1, 4, "abc") == [2, 3, 4]
    assert list(State(tmp_path).runs()) == [done(1), done(2, "before"), done(3, violations=1), done(99)]


def test_a_seed_that_held_later_is_done(tmp_path: Path) -> None:
    state = State(tmp_path)
    state.add(done(1, violations=2))
    state.add(done(1))
    assert state.left(1, 1, "abc") == []


def test_a_line_that_a_crash_cut_off_is_not_there_and_spoils_no_other(tmp_path: Path) -> None:
    state = State(tmp_path)
    state.add(done(1))
    file = tmp_path / "done.jsonl"
    file.write_text(file.read_text() + '{"seed": 2, "comm')
    state.add(done(3))
    assert list(state.runs()) == [done(1), done(3)]
    assert state.left(1, 3, "abc") == [2]


def test_a_commit_has_a_name() -> None:
    assert commit_here()
