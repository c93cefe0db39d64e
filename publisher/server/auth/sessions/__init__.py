"""Sessions of people in browsers: signed cookies, and their end."""
