#include "recovery_gate/transaction_scanner.h"
