"""The process LocalStack runs in: how it is installed, started, stopped, and made to fail."""
