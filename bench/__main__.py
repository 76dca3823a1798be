"""`python -m bench` runs every benchmark, one after the other."""

from bench import first_token, startup

startup.main()
first_token.main()
