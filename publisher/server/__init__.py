"""The index: everything here needs the extra ``[server]``."""
