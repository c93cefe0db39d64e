"""Files of an index whose packages are in a bucket."""
