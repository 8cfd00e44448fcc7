"""What is remembered for queries: tables, migrations, queries. All of it can be rebuilt from the history, but the logs."""
