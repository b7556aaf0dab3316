"""The archive's commands: `steelyard archive ...`; each part adds its own with `app.command`."""

from cyclopts import App

app = App(name="archive", help="Copy and publish the archive's logs, sealed as they are.")
