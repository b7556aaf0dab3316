"""A component that does nothing: what it takes to add one."""
