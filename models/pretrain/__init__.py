"""Recipes that train the embedded models from public data. They know nothing of the product around them."""
