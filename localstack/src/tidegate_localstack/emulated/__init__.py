"""The services as LocalStack loads them: they do what AWS does, and refuse what it refuses."""
