"""Sessions of people in browsers: signed cookies, and what ends them."""
