"""Driver `program`: a stack is driven by a program of the user's, run once per phase."""
