"""Changes that the processes of one index tell each other."""
