"""Writes the tables of policy/content/fold.py anew: `python -m tests.fold`."""

from tests.fold.table import CONTENT, make_tables

for name, text in make_tables().items():
    (CONTENT / name).write_text(text, encoding="utf-8")
