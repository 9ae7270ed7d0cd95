"""What a worker does with a record: bytes in, engine, effects out. Knows the lane's protocol, not Kafka."""
