"""The kinds of publishers: the settings of each, and the claims that its tokens must have."""
