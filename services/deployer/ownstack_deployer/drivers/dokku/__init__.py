"""Driver `dokku`: a stack is a Dokku server, driven over SSH with the commands that Dokku has for everyone."""
