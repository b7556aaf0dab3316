"""The auditors' index of the logs, and how it removes destroyed records."""
