"""What the lane's tests share: a toy processor, a worker process to kill, and readers of topics."""
