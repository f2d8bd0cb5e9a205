"""What tests share: a real PostgreSQL, a clock that obeys, and ways to interleave sessions."""
