"""Follow the feed of a site: `python -m components.follow SITE_TOML`."""

import sys

from components.archive.errors import LogError
from components.archive.keys import KeyFileError
from components.follow.client import open_feed
from components.follow.figures import make_figures
from components.follow.service import Following
from components.process.errors import SiteError
from components.process.metrics import serve_metrics
from components.process.run import Process, run_process
from components.settings.follow import FollowSettings
from components.settings.reload import follow_settings
from components.settings.site import SiteFile


async def start(process: Process) -> None:
    """Follow the logs that the feed has and site.toml names; raises SettingsError and SiteError."""
    site = SiteFile(process.site_toml)
    settings = site.require(FollowSettings)
    follow_settings(process, site, FollowSettings)
    client = await process.stack.enter_async_context(open_feed(settings))
    following = process.keep(Following(site, client, process.report_soon))
    await process.stack.enter_async_context(
        serve_metrics(make_figures(following.describe).render, settings.metrics_port)
    )
    process.report(settings.status_file, following.describe)
    process.run("follow", following.run())


def main() -> int:
    """Run it, and return the exit status."""
    return run_process("follow", start, wrong_settings=(KeyFileError, SiteError), cannot_go_on=(LogError,))


if __name__ == "__main__":
    sys.exit(main())
