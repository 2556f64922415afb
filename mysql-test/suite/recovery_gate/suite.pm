package My::Suite::RecoveryGate;

@ISA = qw(My::Suite);

return "The plugin recovery_gate is not built" unless $ENV{HA_RECOVERY_GATE_SO};

return "Not run for embedded server" if $::opt_embedded_server;

my ($galera)= grep { -f } </usr/lib/galera/libgalera_smm.so>,
  </usr/lib*/galera-4/libgalera_smm.so>;
$ENV{GALERA_LIBRARY}= $galera || '';

push @::global_suppressions,
  (
     # The gate tells its story in the error log, and much of it as a warning:
     # the tests look for the lines that they expect. What must never come is
     # left to be found.
     qr(Recovery gate: (?!internal error|failed to start)),
     qr(Plugin 'RECOVERY_GATE.*' is of maturity level gamma while the server is stable),
     # A start that it ends; what the server had for its plugins is not given back.
     qr(Memory not freed),
     # A test leaves one behind.
     qr(Found 1 prepared XA transactions),
     # A Galera node that does not start.
     qr(WSREP: ),
     # A replica whose primary goes away, at whatever moment.
     qr(Execution failed on master: .*(Lost connection|gone away|Can't connect)),
     qr(Slave I/O: .*(failed registering on master|reconnecting to try again)),
     # One that is stopped while it logs in asks for the binary log before it has
     # said what it understands.
     qr(Master is configured to log replication events with checksum),
     # A replica that is killed: mtr has this table in an engine that is not
     # crash-safe.
     qr(gtid_slave_pos.*(marked as crashed|hasn't closed the table properly)),
     qr(Got error '145 .*gtid_slave_pos),
     qr(Checking table: +'./mysql/gtid_slave_pos'),
     # Some tests have semi-sync give up.
     qr(Timeout waiting for reply of binlog),
  );

bless { };
