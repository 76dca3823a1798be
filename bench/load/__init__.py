"""A load generator: simulated people through the real HTTP interface of a real server, and what the server kept."""
