"""The command line: an HTTP client of the API; and `up`, every service in one process."""
