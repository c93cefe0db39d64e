"""Routes that pypiserver has."""
