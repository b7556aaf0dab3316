"""Steelyard's processes and the packages they are made of (the code map is in the README)."""

import os

# No plugin of another installed package takes part in checking settings; and to look for any takes long.
os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
