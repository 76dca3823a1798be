"""Ways from evidence to candidates: counted rules, examples, words for pictures, reflection, and the ranker of past
votes. Each is handed a Digest and returns Candidates (proposal.py); none of them knows whether its own are better."""
