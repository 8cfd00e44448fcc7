"""The queries: a module per area, each a function from a connection and a team to views of that team's things."""
