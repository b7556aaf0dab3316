"""A made site for the tests of this folder."""

from tests.support.made_site import made_site, site

__all__ = ["made_site", "site"]
