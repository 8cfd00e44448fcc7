"""How records travel: the port, and its adapters."""
