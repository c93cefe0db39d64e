"""Which public files are passed on: settings, exceptions, and the decision."""
