"""The auditors' index of what is in the logs, and how it forgets."""
