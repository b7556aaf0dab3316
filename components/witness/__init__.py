"""The witness process: cosigns other sites' logs, and has the site's own cosigned and time-stamped."""
