"""Looks into files, in worker processes with limits: what their content shows, as facts for policy to decide upon."""
