"""What is said: messages, the envelope they travel in, and the topics they travel on. Imports nothing of ours."""
