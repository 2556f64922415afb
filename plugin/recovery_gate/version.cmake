# SPDX-License-Identifier: GPL-2.0-only
# The one place that has the version: read by the project and, so that a build in
# the server's tree has it too, by the plugin.
set(RECOVERY_GATE_VERSION_MAJOR 1)
set(RECOVERY_GATE_VERSION_MINOR 0)
set(RECOVERY_GATE_VERSION ${RECOVERY_GATE_VERSION_MAJOR}.${RECOVERY_GATE_VERSION_MINOR})
