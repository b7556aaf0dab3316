"""Files over the line: how fast, with how much memory, and what becomes of everybody else meanwhile."""

from pathlib import Path

from tests.bench import file_page, file_small, file_speed, file_while
from tests.bench.bench import Bench
from tests.bench.figures import Figure, Findings
from tests.bench.file_site import ALICE, file_site
from tests.support.transfer_site import TransferSite


async def measure(bench: Bench) -> Findings:
    """How fast files go, and what becomes of everybody else meanwhile. All over HTTPS (TLS 1.3).

    The transfer component, with its checks (but no virus scanner), is alone on a core; its client, Prosody and the gate
    have the other. Beside it, a plain aiohttp server on the same core writes what is put to a file. Both get the same
    films of 256 MiB from the same client in turns, and both answer once the file is durable. *Growth* is how much more
    memory the component had at its peak, while a file of 2 GB came, than before. Four clients put films for the
    figures *during four uploads*, as fast as they can. A message's latency is that of one after the other between two
    people. The page is a picture of printed text: from its arrival until a search for a word on it finds its record.
    """
    root = bench.new_folder()
    figures: list[Figure] = []
    async with file_site(root) as site:
        for measure_part in (file_speed.measure, file_small.measure, file_while.measure):
            figures += await measure_part(bench, root, site)
        figures += await _page(bench, root, site)
    return Findings(tuple(figures))


async def _page(bench: Bench, root: Path, site: TransferSite) -> list[Figure]:
    return await file_page.measure(bench, root, site, await site.login(ALICE))
