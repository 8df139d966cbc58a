#!/usr/bin/env bash
# Runs a command with MySQL in place of MariaDB, for tests that are right on both:
#
#   infra/test/services.sh infra/test/mysql.sh cargo nextest run --workspace -- table_size::mysql users::
#
# Installs MySQL if it is missing (install.sh), starts it without data on a free loopback port, and sets
# MRT_TEST_MYSQL_URL to its administrator, in the empty database `mrt`. Its log stays in .mrt/test/logs/. Runs nothing
# where MySQL cannot be installed, and says so.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source-path=SCRIPTDIR source=install.sh
. "$here/install.sh"

ready_seconds=60

(($#)) || fail "usage: infra/test/services.sh infra/test/mysql.sh CMD [ARG...]"
ensure_mysql
server=$repository/.mrt/tools/mysql/mysqld
if [[ ! -x $server ]]; then
    say "skipped: no tests ran on MySQL"
    exit
fi

mkdir -p "$repository/.mrt/test/logs"
log=$repository/.mrt/test/logs/mysql.log
data=$(mktemp -d "$repository/.mrt/test/mysql.XXXXXX")
process=''
stop() {
    if [[ -n $process ]]; then
        kill -KILL "$process" 2>/dev/null || true
        wait "$process" 2>/dev/null || true
    fi
    rm -rf "$data"
}
trap stop EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

port=$(python3 -c 'import socket; it = socket.socket(); it.bind(("127.0.0.1", 0)); print(it.getsockname()[1])')
password=$(od -An -N16 -tx1 /dev/urandom | tr -d ' \n')
cat >"$data/init.sql" <<SQL
CREATE DATABASE mrt;
CREATE USER mrt@'%' IDENTIFIED BY '$password';
GRANT ALL ON *.* TO mrt@'%' WITH GRANT OPTION;
SQL
"$server" --initialize-insecure --user="$(id -un)" --datadir="$data/data" >"$log" 2>&1 ||
    { tail -n 20 "$log" >&2; fail "MySQL could not create its data"; }
setpriv --pdeathsig KILL "$server" --user="$(id -un)" --datadir="$data/data" --init-file="$data/init.sql" \
    --port="$port" --bind-address=127.0.0.1 --socket=mysql.sock --mysqlx=OFF --skip-log-bin \
    --character-set-server=utf8mb4 --max-connections=200 --innodb-flush-log-at-trx-commit=0 >>"$log" 2>&1 </dev/null &
process=$!
deadline=$((SECONDS + ready_seconds))
until grep --quiet 'ready for connections' "$log"; do
    kill -0 "$process" 2>/dev/null || { tail -n 20 "$log" >&2; fail "MySQL ended instead of starting"; }
    ((SECONDS < deadline)) || fail "MySQL was not ready within $ready_seconds s"
    sleep 0.05
done

MRT_TEST_MYSQL_URL="mysql://mrt:$password@127.0.0.1:$port/mrt" "$@"
