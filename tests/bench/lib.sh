# What the benchmarks share. Sourced, with `here` set to this folder; makes the folder `run`, and ends the servers in it at the exit.

root=$(cd "$here/../.." && pwd)
servers=$root/tests/servers
run=$(mktemp -d)

finish() {
  [ -z "${worker:-}" ] || kill -KILL "$worker" 2>/dev/null || true
  "$servers/mysql" stop "$run"
  "$servers/kafka" stop "$run"
  rm -rf "$run"
}
trap finish EXIT
trap 'exit 130' INT TERM

# binaries METER: sets `bin` and `meter`, and builds them where they are not given, with the options in `features`.
binaries() {
  local target=${CARGO_TARGET_DIR:-$root/target}
  bin=${ROWMILL_BENCH_BIN:-}
  meter=${ROWMILL_BENCH_METER:-}
  if [ -z "$bin" ] || [ -z "$meter" ]; then
    (cd "$root" && cargo build --release --locked -p rowmill -p pipeline-tests --bins ${features[@]+"${features[@]}"})
  fi
  bin=${bin:-$target/release/rowmill}
  meter=${meter:-$target/release/$1}
  # A first start compiles the plugin; what is measured has it in its cache, as every start but a machine's first one.
  "$bin" demo --rows 1 >/dev/null 2>&1
}

# A statement, or statements from standard input, at the MySQL that was started in `run`, or at ROWMILL_BENCH_MYSQL.
sql() {
  if [ -n "${ROWMILL_BENCH_MYSQL:-}" ]; then
    chroot "${ROWMILL_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/rowmill}/mysql-9" mysql --no-defaults -uroot -h "${ROWMILL_BENCH_MYSQL%:*}" \
      -P "${ROWMILL_BENCH_MYSQL##*:}" --default-character-set=utf8mb4 "$@"
  else
    "$servers/mysql" client "$run" "$@"
  fi
}

# The table, empty, and the account.
table_of_the_benchmarks() {
  sql -e 'DROP DATABASE IF EXISTS rowmill_bench; CREATE DATABASE rowmill_bench CHARACTER SET utf8mb4'
  sql rowmill_bench -e "
    CREATE TABLE orders (
      id BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY,
      customer INT UNSIGNED NOT NULL,
      sku VARCHAR(32) NOT NULL,
      title VARCHAR(120) NOT NULL,
      status ENUM('open', 'paid', 'shipped', 'returned') NOT NULL,
      price DECIMAL(12,2) NOT NULL,
      weight DOUBLE,
      created DATETIME(3) NOT NULL,
      updated TIMESTAMP(6) NOT NULL,
      active TINYINT NOT NULL,
      note VARCHAR(255)
    );
    CREATE USER IF NOT EXISTS rowmill_bench@'%' IDENTIFIED BY 'bench';
    GRANT SELECT, REPLICATION SLAVE, REPLICATION CLIENT ON *.* TO rowmill_bench@'%'"
}

# connector NAME MYSQL KAFKA SOURCE SINK: a configuration, with more lines of its sections.
connector() {
  cat <<T
name = "$1"
[source]
host = "${2%:*}"
port = ${2##*:}
user = "rowmill_bench"
password = "bench"
database = "rowmill_bench"
tables = "orders"
$4
heartbeat_interval_ms = 0
[sink]
brokers = "$3"
topic_prefix = "$1"
compression = "lz4"
$5
T
}
