"""The door on real servers: who is held, turned away or let in."""
