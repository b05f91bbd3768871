"""Text to shards: sources, tokenizer, the challenge's binary format, exact byte counts."""
