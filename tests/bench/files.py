"""Files over the line: how fast, with how much memory, and what becomes of everybody else meanwhile."""

from tests.bench import file_page, file_scanned, file_small, file_speed, file_while, speech
from tests.bench.bench import Bench
from tests.bench.figures import Figure, Findings
from tests.bench.file_site import file_site


async def measure(bench: Bench) -> Findings:
    """How fast files go over HTTPS through a whole site, and what becomes of everybody else meanwhile.

    Prosody, the gate and the transfer component with its checks (but no virus scanner). The transfer component is alone
    on a core; all else, the clients too, has the other. Beside it, a plain aiohttp server on the same core writes what
    is put to a file. Both get the same films of 256 MiB from the same client in turns, and both answer once the file is
    durable. *Growth* is how much more memory the component had at its peak, while a file of 2 GB came, than before.
    *During four uploads* four clients put films as fast as they can; *to plain aiohttp*, they put them there meanwhile,
    and our component has nothing to do: what the machine costs everybody. A message's latency is that of one after the
    other between two people. The page is a picture of print: from the answer to its upload until `audit search` finds a
    word on it. A minute of speech is that of a machine's voice, sent as Ogg with Opus. *Beside clamd* a real one that
    knows a single signature is asked, with all else on the other core; of the file of 2 GB it is not, as that is over
    its limit.
    """
    root = bench.new_folder()
    figures: list[Figure] = []
    async with file_site(root) as site:
        # The page first: a search reads all that came before.
        for measure_part in (file_page.measure, file_speed.measure, file_small.measure, file_while.measure):
            figures += await measure_part(bench, root, site)
    figures += await file_scanned.measure(bench)
    figures.append(await speech.measure_speech(bench))
    return Findings(tuple(figures))
