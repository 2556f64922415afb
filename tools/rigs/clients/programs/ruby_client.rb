# SPDX-License-Identifier: GPL-2.0-only
# The gem mysql2, alone and before ActiveRecord's pool.

STATEMENT = 'SELECT COUNT(*) AS count FROM orders'.freeze
POOL = 4
OPTIONS = {
  host: '127.0.0.1', port: ENV['DB_PORT'].to_i, username: ENV['DB_USER'],
  password: ENV['DB_PASSWORD'], database: 'shop'
}.freeze
TLS = ENV['DB_TLS'] == '1' ? { sslcipher: 'DEFAULT', sslverify: false } : {}

def outcome
  "ok #{yield}"
rescue StandardError => e
  number = e.respond_to?(:error_number) ? e.error_number : ''
  "error #{number} #{e.message.split.join(' ')}"
end

class Plain
  def connect
    client = Mysql2::Client.new(OPTIONS.merge(TLS))
    client.query(STATEMENT).first['count']
  ensure
    client&.close
  end

  def keep
    @kept = Mysql2::Client.new(OPTIONS.merge(TLS))
    kept
  end

  def kept
    @kept.query(STATEMENT).first['count']
  end
end

class Pooled
  CONFIG = OPTIONS.merge(TLS).merge(adapter: 'mysql2', pool: POOL).freeze

  def initialize
    ActiveRecord::Base.establish_connection(CONFIG)
  end

  # Without the pool.
  def connect
    connection = ActiveRecord::Base.mysql2_connection(CONFIG)
    connection.select_value(STATEMENT)
  ensure
    connection&.disconnect!
  end

  def keep
    @kept = ActiveRecord::Base.mysql2_connection(CONFIG)
    kept
  end

  def kept
    @kept.select_value(STATEMENT)
  end

  def fill
    pool = ActiveRecord::Base.connection_pool
    connections = Array.new(POOL) { pool.checkout }
    connections.each { |c| c.select_value(STATEMENT) }
    connections.each { |c| pool.checkin(c) }
    POOL
  end

  def pool
    Array.new(POOL) { Thread.new { outcome { use } } }.map(&:value)
  end

  def use
    ActiveRecord::Base.connection_pool.with_connection { |c| c.select_value(STATEMENT) }
  end
end

require 'mysql2'
require 'active_record' if ARGV[0] == 'activerecord'
client = ARGV[0] == 'activerecord' ? Pooled.new : Plain.new
$stdout.sync = true
puts '> ready'
while (line = $stdin.gets)
  command = line.strip.to_sym
  seen = command == :pool ? client.pool : [outcome { client.public_send(command) }]
  seen.each { |one| puts "> #{one}" }
  puts '> done'
end
