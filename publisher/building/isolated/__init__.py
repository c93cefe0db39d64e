"""Programs for the interpreters of isolated environments: they import the standard library and each other."""
