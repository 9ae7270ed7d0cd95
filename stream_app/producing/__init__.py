"""Publishing events: to the topic of their channel, under the key of their lead, at their own time."""
