// SPDX-License-Identifier: GPL-2.0-only
// Connector/J, alone and before the pools HikariCP and Commons DBCP.

import com.zaxxer.hikari.HikariConfig;
import com.zaxxer.hikari.HikariDataSource;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import javax.sql.DataSource;
import org.apache.commons.dbcp2.BasicDataSource;

class JdbcClient {
  static final int POOL = 4;
  static final String USER = System.getenv("DB_USER");
  static final String PASSWORD = System.getenv("DB_PASSWORD");
  static String url;
  static DataSource pool;
  static Connection kept;

  static String count(Connection connection) throws SQLException {
    try (Statement statement = connection.createStatement();
        ResultSet rows = statement.executeQuery("SELECT COUNT(*) FROM orders")) {
      rows.next();
      return rows.getString(1);
    }
  }

  static String outcome(Callable<String> call) {
    try {
      return "ok " + call.call();
    } catch (SQLException error) {
      StringBuilder text = new StringBuilder("error " + error.getErrorCode());
      for (Throwable cause = error; cause != null; cause = cause.getCause())
        text.append(" | ").append(cause.getMessage());
      return text.toString().replaceAll("\\s+", " ");
    } catch (Exception error) {
      return "error " + String.valueOf(error).replaceAll("\\s+", " ");
    }
  }

  static String connectAndCount() throws SQLException {
    try (Connection connection = DriverManager.getConnection(url, USER, PASSWORD)) {
      return count(connection);
    }
  }

  static String keep() throws SQLException {
    kept = DriverManager.getConnection(url, USER, PASSWORD);
    return count(kept);
  }

  static DataSource makePool(String kind, boolean patient) {
    if (kind.equals("hikari")) {
      HikariConfig config = new HikariConfig();
      if (patient) config.setInitializationFailTimeout(60000);
      config.setJdbcUrl(url);
      config.setUsername(USER);
      config.setPassword(PASSWORD);
      config.setMaximumPoolSize(POOL);
      return new HikariDataSource(config);
    }
    BasicDataSource source = new BasicDataSource();
    source.setUrl(url);
    source.setUsername(USER);
    source.setPassword(PASSWORD);
    source.setMaxTotal(POOL);
    source.setMaxIdle(POOL);
    return source;
  }

  // Each has its connection at the same time as all others.
  static String fill() throws SQLException {
    List<Connection> connections = new ArrayList<>();
    for (int i = 0; i < POOL; i++) connections.add(pool.getConnection());
    for (Connection connection : connections) {
      count(connection);
      connection.close();
    }
    return String.valueOf(connections.size());
  }

  static List<String> usePool(ExecutorService threads) throws Exception {
    List<Future<String>> running = new ArrayList<>();
    for (int i = 0; i < POOL; i++)
      running.add(
          threads.submit(
              () ->
                  outcome(
                      () -> {
                        try (Connection connection = pool.getConnection()) {
                          return count(connection);
                        }
                      })));
    List<String> seen = new ArrayList<>();
    for (Future<String> one : running) seen.add(one.get());
    return seen;
  }

  public static void main(String[] arguments) throws Exception {
    String kind = arguments[0];
    url = "jdbc:mariadb://127.0.0.1:" + System.getenv("DB_PORT") + "/shop?" + arguments[1];
    if (System.getenv("DB_TLS").equals("1")) url += "&useSsl=true&trustServerCertificate=true";
    ExecutorService threads = Executors.newFixedThreadPool(POOL);
    System.out.println("> ready");
    BufferedReader commands = new BufferedReader(new InputStreamReader(System.in));
    for (String next; (next = commands.readLine()) != null; ) {
      String line = next; // for the lambda
      List<String> seen = new ArrayList<>();
      switch (line) {
        case "connect":
          seen.add(outcome(JdbcClient::connectAndCount));
          break;
        case "keep":
          seen.add(outcome(JdbcClient::keep));
          break;
        case "kept":
          seen.add(outcome(() -> count(kept)));
          break;
        case "fill":
          if (pool == null) pool = makePool(kind, false);
          seen.add(outcome(JdbcClient::fill));
          break;
        case "start": // a pool of a program that begins now
        case "start_patiently":
          seen.add(
              outcome(
                  () -> {
                    try (Connection connection = makePool(kind, line.equals("start_patiently")).getConnection()) {
                      return count(connection);
                    }
                  }));
          break;
        default:
          seen.addAll(usePool(threads));
      }
      for (String one : seen) System.out.println("> " + one);
      System.out.println("> done");
    }
    System.exit(0);
  }
}
