"""Files: who may upload what, under which name they go, and to whom a link to one may be sent."""
