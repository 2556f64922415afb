# SPDX-License-Identifier: GPL-2.0-only
"""The door on real servers: who is held, rejected or admitted."""
