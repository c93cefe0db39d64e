"""The policy for public files: settings, exceptions, and the decision."""
