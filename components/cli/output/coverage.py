"""What a look at one site prints where there are others: which one it covers, and which it does not."""

from collections.abc import Callable
from typing import Any, TypeVar

from rich.text import Text

from components.audit.sites.named import Coverage
from components.cli.options import Output
from components.cli.output.console import make_console
from components.cli.output.terminal import show_text

Found = TypeVar("Found")


def tell_of_one(
    output: Output,
    coverage: Coverage,
    found: Found,
    describe: Callable[[Found], dict[str, Any]],
    show: Callable[[Found], None],
    option: str = "--at",
) -> None:
    """Print what was found at one site as `output` does, and which sites there are besides."""

    def show_both(found: Found) -> None:
        show(found)
        if coverage.others:
            make_console().print(Text(show_text(explain_coverage(coverage, option)), style="bold"))

    output.tell(found, lambda of_one: {**describe(of_one), **describe_coverage(coverage)}, show_both)


def explain_coverage(coverage: Coverage, option: str) -> str:
    """Return what a look at one of several sites covers, in a line."""
    others = ", ".join(f"{option} {name}" for name in coverage.others)
    return f"This is {coverage.site} alone. There are other sites: {others}."


def describe_coverage(coverage: Coverage) -> dict[str, Any]:
    """Describe what a look covers for JSON; nothing where there is one site."""
    return {"site": coverage.site, "not_covered": list(coverage.others)} if coverage.others else {}
