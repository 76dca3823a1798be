"""What is between a person and the studio: the notice, their name, their data to take along or to delete."""
