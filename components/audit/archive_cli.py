"""The archive's commands: `steelyard archive ...`; each part adds its own with `app.command`."""

from cyclopts import App

from components.audit import retention_cli

app = App(
    name="archive",
    help="Hold, expire and erase what is recorded; copy and publish the logs, sealed as they are.",
)
retention_cli.register(app)
