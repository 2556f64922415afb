"""The door on real servers: who is held, rejected or admitted."""
