"""The follower's figures: those that the docs list, with the values of its status."""

from components.follow.figures import PREFIX, make_figures
from components.process.status import Status
from tests.support.figures import read_documented, read_families


def status(state: str) -> Status:
    files = {"here": 3, "waiting": 2, "left_out": 1, "faulty": 0}
    return Status(state, {"logs": {"gate": 7, "audit": 9}, "files": files})


def test_every_figure_is_documented() -> None:
    assert read_families(make_figures(lambda: status("following")).render()) == read_documented(PREFIX)


def test_figures_are_what_the_status_says() -> None:
    text = make_figures(lambda: status("forked")).render().decode()
    for line in (
        'steelyard_follow_records{log="gate"} 7.0',
        'steelyard_follow_files{state="waiting"} 2.0',
        "steelyard_follow_behind 0.0",
        "steelyard_follow_forked 1.0",
    ):
        assert line in text.splitlines()


def test_before_the_feed_was_reached_there_are_no_logs_and_no_files() -> None:
    text = make_figures(lambda: Status("behind", {"faults": []})).render().decode()
    assert "steelyard_follow_behind 1.0" in text
    assert "log=" not in text
