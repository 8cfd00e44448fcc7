"""The parts of the stand-in for Dokku. Standard library only: sshd starts them anew for each command."""
