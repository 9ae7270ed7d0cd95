"""State and an activity in, effects out: for one lead, one account, or a whole world of them."""
