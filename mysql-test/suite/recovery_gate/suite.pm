package My::Suite::RecoveryGate;

@ISA = qw(My::Suite);

return "The plugin recovery_gate is not built" unless $ENV{HA_RECOVERY_GATE_SO};

return "Not run for embedded server" if $::opt_embedded_server;

my ($galera)= grep { -f } </usr/lib/galera/libgalera_smm.so>,
  </usr/lib*/galera-4/libgalera_smm.so>;
$ENV{GALERA_LIBRARY}= $galera || '';

# What the error log of a server may say, whatever a test is about, since it is a
# matter of moments. Other messages are to be found.
my $gone= qr(Lost connection|gone away|Can't connect|Connection was killed|Server shutdown in progress|Got an error (reading|writing) communication packets|Got timeout (reading|writing) communication packets|Got packets out of order|Query execution was interrupted|Aborted connection);

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
     # A replica whose primary goes away, at whatever moment: while it logs in, asks
     # for the binary log, receives or replies.
     qr(Slave I/O: .*$gone),
     qr((Execution failed on master|Error on COM_BINLOG_DUMP): ),
     qr(SET \@rpl_semi_sync_slave= 1 on master failed),
     qr(Slave I/O: .*(failed registering on master|reconnecting to try again)),
     qr(Slave I/O thread couldn't register on master),
     qr(Failed on request_dump),
     qr(Master server does not read semi-sync messages),
     # It has received the beginning of a transaction, and the next start has another
     # log, or another server_id.
     qr((Unexpected change of master binlog file name|The server_id of master server changed) in the middle of GTID),
     # One that asks a primary which has been started without a binary log, or whose
     # logs are just being deleted or replaced. It does not come back by itself; a
     # test that needs it would say so.
     qr(Slave I/O: Got fatal error 1236 .*(Binary log is not open|Could not find first log|could not find next log|binlog truncated in the middle of event)),
     # A primary whose replica goes away while it is sent something, or replies.
     qr(Semi-sync master failed on net_flush),
     qr(Read semi-sync reply (magic number|length) error),
     qr(Failed to register slave to semi-sync ACK receiver),
     qr(Could not (read|write) packet: ),
     # One that is stopped while it logs in asks for the binary log before it has
     # said what it understands.
     qr(Master is configured to log replication events with checksum),
     # A replica that is killed: mtr has this table in an engine that is not
     # crash-safe.
     qr(gtid_slave_pos.*(marked as crashed|hasn't closed the table properly|Incorrect key file|needs repair)),
     qr(Got error '145 .*gtid_slave_pos),
     qr(Checking table: +'./mysql/gtid_slave_pos'),
     # It may have been killed while it wrote into its relay log.
     qr(Error in Log_event::read_log_event),
     # Some tests have semi-sync give up.
     qr(Timeout waiting for reply of binlog),
  );

bless { };
