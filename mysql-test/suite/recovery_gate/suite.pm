package My::Suite::RecoveryGate;

@ISA = qw(My::Suite);

return "The plugin recovery_gate is not built" unless $ENV{HA_RECOVERY_GATE_SO};

return "Not run for embedded server" if $::opt_embedded_server;

# The gate tells its story in the error log, and much of it as a warning: the
# tests look for the lines that they expect. What must never come is left to be
# found.
push @::global_suppressions,
  (
     qr(Recovery gate: (?!internal error|failed to start)),
     qr(InnoDB: Starting final batch to recover),
  );

bless { };
