#include "recovery_gate/binlog_reader.h"
