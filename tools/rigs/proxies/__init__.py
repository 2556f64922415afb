"""What docs/proxies.md says, with the configuration that is printed there."""
