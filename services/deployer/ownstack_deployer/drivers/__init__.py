"""Drivers: how each kind of stack is driven. One module per kind; the composition root registers them by name."""
