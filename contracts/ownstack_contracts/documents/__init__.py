"""What is written from the messages for readers outside: JSON Schemas, AsyncAPI, the reference."""
