"""Enterprises, sites, desks, people and rooms, as directory.toml has them."""
