"""Where an enterprise's people come from: CSV files, LDAP, and SCIM pushes; planned, checked and applied as a whole."""
