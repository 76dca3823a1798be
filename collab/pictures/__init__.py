"""Pictures that people bring, edit and take away. Knows no page."""
