"""The access component: admission by ad-hoc commands, accounts on the server, and the notice of the recording."""
