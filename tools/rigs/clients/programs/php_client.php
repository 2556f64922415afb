<?php
// SPDX-License-Identifier: GPL-2.0-only
// mysqli and PDO. What PHP has for a pool are persistent connections.

const STATEMENT = 'SELECT COUNT(*) FROM orders';
const HOST = '127.0.0.1';
define('USER', getenv('DB_USER'));
define('PASSWORD', getenv('DB_PASSWORD'));
define('PORT', (int) getenv('DB_PORT'));
define('TLS', getenv('DB_TLS') === '1');

function connect_mysqli(bool $persistent): mysqli
{
    mysqli_report(MYSQLI_REPORT_ERROR | MYSQLI_REPORT_STRICT);
    $connection = mysqli_init();
    $flags = TLS ? MYSQLI_CLIENT_SSL | MYSQLI_CLIENT_SSL_DONT_VERIFY_SERVER_CERT : 0;
    $connection->real_connect(($persistent ? 'p:' : '') . HOST, USER, PASSWORD, 'shop', PORT, null, $flags);
    return $connection;
}

function connect_pdo(bool $persistent): PDO
{
    $options = [PDO::ATTR_PERSISTENT => $persistent];
    if (TLS) {
        $options[PDO::MYSQL_ATTR_SSL_CIPHER] = 'DEFAULT';
        $options[PDO::MYSQL_ATTR_SSL_VERIFY_SERVER_CERT] = false;
    }
    return new PDO('mysql:host=' . HOST . ';port=' . PORT . ';dbname=shop', USER, PASSWORD, $options);
}

function counted($connection): string
{
    $answer = $connection->query(STATEMENT);
    return $answer instanceof mysqli_result ? $answer->fetch_row()[0] : $answer->fetchColumn();
}

function outcome(callable $call): string
{
    try {
        return 'ok ' . $call();
    } catch (Exception $error) {
        return 'error ' . $error->getCode() . ' ' . preg_replace('/\s+/', ' ', $error->getMessage());
    }
}

$connect = "connect_{$argv[1]}";
// The driver warns as well as throws: a program's log, not its answer.
error_reporting(E_ALL & ~E_WARNING);
$kept = null;
$persistent = function () use ($connect) {
    return counted($connect(true));
};
echo "> ready\n";
while (($line = fgets(STDIN)) !== false) {
    switch (trim($line)) {
        case 'connect':
            echo '> ', outcome(fn() => counted($connect(false))), "\n";
            break;
        case 'keep':
            echo '> ', outcome(function () use ($connect, &$kept) {
                $kept = $connect(false);
                return counted($kept);
            }), "\n";
            break;
        case 'kept':
            echo '> ', outcome(fn() => counted($kept)), "\n";
            break;
        default:
            echo '> ', outcome($persistent), "\n";
    }
    echo "> done\n";
}
