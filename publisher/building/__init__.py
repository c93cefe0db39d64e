"""Building: a project's folder into an sdist and a wheel, in isolated environments."""
