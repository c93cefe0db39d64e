"""Routes of tokens, roles and the audit trail."""
