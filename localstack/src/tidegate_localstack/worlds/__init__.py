"""What tests and demonstrations begin with, and what acts on it: all of it through AWS's API."""
