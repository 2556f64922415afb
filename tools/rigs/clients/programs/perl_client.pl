# SPDX-License-Identifier: GPL-2.0-only
# DBD::mysql and DBD::MariaDB.
use strict;
use warnings;
use DBI;

my $driver = $ARGV[0];
my $statement = 'SELECT COUNT(*) FROM orders';
my $prefix = $driver eq 'MariaDB' ? 'mariadb' : 'mysql';
my $source = "DBI:$driver:database=shop;host=127.0.0.1;port=$ENV{DB_PORT}";
$source .= ";${prefix}_ssl=1;${prefix}_ssl_optional=1" if $ENV{DB_TLS} eq '1';

sub connect_it {
    return DBI->connect($source, $ENV{DB_USER}, $ENV{DB_PASSWORD}, {RaiseError => 1, PrintError => 0});
}

sub counted { return ($_[0]->selectrow_array($statement))[0] }

my $kept;
my %commands = (
    connect => sub { counted(connect_it()) },
    keep    => sub { $kept = connect_it(); counted($kept) },
    kept    => sub { counted($kept) },
);

$| = 1;
print "> ready\n";
while (my $line = <STDIN>) {
    chomp $line;
    my $seen = eval { 'ok ' . $commands{$line}->() };
    if (!defined $seen) {
        ($seen = $@) =~ s/\s+/ /g;
        $seen = 'error ' . ($DBI::err // '') . " $seen";
    }
    print "> $seen\n> done\n";
}
