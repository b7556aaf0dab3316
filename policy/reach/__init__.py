"""Who may reach whom: borders, barriers, chaperones, exceptions."""
