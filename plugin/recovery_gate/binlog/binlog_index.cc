#include "recovery_gate/binlog_index.h"
