"""What judgements prove: ranks, agreement, and tests that stay valid however often one looks. Pure: reads no store."""
