"""build/recovery-gate against real servers."""
