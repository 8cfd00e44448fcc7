"""The routes, one module per resource. Each only says what is asked for; commands and queries do the rest."""
