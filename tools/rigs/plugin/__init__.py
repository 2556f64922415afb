"""The plugin in a server: as it loads, what it tells systemd, and what the clock does."""
