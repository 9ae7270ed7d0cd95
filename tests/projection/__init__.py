"""What the projection's tests share: one contract for all that keep it, and records as a worker writes them."""
