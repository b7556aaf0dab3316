"""The roster component: keeps the rosters of a site's accounts as policy has them (XEP-0114, XEP-0356)."""
