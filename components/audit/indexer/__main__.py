"""Run the indexer of a site: `python -m components.audit.indexer SITE_TOML`."""

import sys

from components.audit.indexer.figures import make_figures
from components.audit.indexer.service import Indexer
from components.process.metrics import serve_metrics
from components.process.run import Process, run_process
from components.settings.indexer import IndexerSettings
from components.settings.reload import follow_settings
from components.settings.site import SiteFile


async def start(process: Process) -> None:
    """Follow the logs of the site until told to stop."""
    site = SiteFile(process.site_toml)
    settings = site.require(IndexerSettings)
    follow_settings(process, site, IndexerSettings)
    indexer = Indexer(site, settings)
    await process.stack.enter_async_context(
        serve_metrics(make_figures(indexer.progress).render, settings.metrics_port)
    )
    process.report(settings.status_file, indexer.describe)
    process.run("logs", indexer.run())


def main() -> int:
    """Run it, and return the exit status."""
    return run_process("indexer", start)


if __name__ == "__main__":
    sys.exit(main())
