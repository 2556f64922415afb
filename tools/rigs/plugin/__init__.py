"""The plugin in a server: how it loads, what it tells systemd, a clock that is set."""
