"""The domain: decides what commands and reports come to, and is the only writer of the history."""
