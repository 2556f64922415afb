#include "fake_binlog.h"
