"""The rooms that know Faust and Kafka's transactions: how records reach the agents and how effects leave, exactly once."""
