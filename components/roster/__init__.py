"""The roster component: keeps the rosters of a site's accounts as policy says (XEP-0114, XEP-0356)."""
