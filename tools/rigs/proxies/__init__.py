# SPDX-License-Identifier: GPL-2.0-only
"""What docs/proxies.md says, with the configuration that is printed there."""
