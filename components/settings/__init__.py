"""The settings of a site: one file for each table of site.toml."""
