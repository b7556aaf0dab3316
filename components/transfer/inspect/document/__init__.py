"""Documents, read as far as it takes to find passwords, macros, scripts and files inside them."""
