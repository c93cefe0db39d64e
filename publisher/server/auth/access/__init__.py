"""Who may do what: `access.toml`, and the roles of accounts."""
