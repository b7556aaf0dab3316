"""Makes the tables of policy/content/fold_table.py: `python -m tests.fold`."""
