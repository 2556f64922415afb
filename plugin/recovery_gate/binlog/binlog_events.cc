#include "recovery_gate/binlog_events.h"
