"""Makes recorded text safe for a terminal (components/audit/visible.py)."""

from components.audit.visible import show_json, show_text

__all__ = ["show_json", "show_text"]
