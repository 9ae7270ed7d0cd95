"""Services for one machine: an embedded Apache Kafka and Valkey, started without root, Docker or configuration."""
