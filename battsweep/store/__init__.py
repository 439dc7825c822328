"""All results on disk: shards, receipts, the index, and questions to it."""
