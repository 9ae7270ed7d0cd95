"""One file a contender: each is a program that works until SIGTERM, told what to do by one JSON argument (job.Task)."""
