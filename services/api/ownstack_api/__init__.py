"""Commands in, queries out, live updates: the HTTP API."""
