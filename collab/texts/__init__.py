"""Going on from a text: branches, conversations, and why each word was written. Knows no page."""
