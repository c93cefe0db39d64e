"""Rights: `access.toml`, and the roles of accounts."""
