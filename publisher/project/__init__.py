"""A project as its folder, its history and its built files describe it."""
