#!/usr/bin/env bash
# Runs a command with real services: PostgreSQL, MariaDB, two AWS emulators (ministack, moto) and an S3 server (nanio).
#
#   infra/test/services.sh CMD [ARG...]       for example: infra/test/services.sh cargo test --workspace
#
# Installs what is missing (install.sh), starts the five on free loopback ports without data, exports
#
#   MRT_TEST_POSTGRES_URL   superuser of a PostgreSQL 15 or newer
#   MRT_TEST_MYSQL_URL      administrator of a MariaDB, in the empty database `mrt`
#   MRT_TEST_MINISTACK_URL  AWS: Lambda, API Gateway, Cognito, DynamoDB, S3, SQS and more; credentials test/test
#   MRT_TEST_MOTO_URL       AWS: a second opinion on DynamoDB and S3
#   MRT_TEST_NANIO_URL      S3 by a server that checks signatures; credentials test/nanio-secret
#   MRT_TEST_POSTGRES_BIN   folder of PostgreSQL's programs, for tests that start their own server
#   MRT_TEST_OTHER_POSTGRES_BINS  the same for the oldest and the newest supported version, separated by colons
#   MRT_TEST_PGBOUNCER, MRT_TEST_PGPOOL  programs of the poolers, for tests that start their own
#   MRT_TEST_PYTHON         a Python that has botocore
#   MRT_TEST_REQUIRE_SERVICES=1   a test that would be skipped because a service is missing must fail instead
#
# and runs CMD without standard input. Exits with CMD's exit code, or 128 + the signal that ended this script; in
# both cases, everything started here is stopped first. Data are in .mrt/test/ (PostgreSQL's in /tmp for root) and
# are deleted at the end; the logs of the last run stay in .mrt/test/logs/.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source-path=SCRIPTDIR source=install.sh
. "$here/install.sh"

ready_seconds=60 # for a service to answer; the slowest needs about 3 s on two idle cores
stop_seconds=15  # for a process to end by itself before it is killed; cargo-nextest takes up to 10 s

declare -A group=() # started and not yet stopped: name -> process group
run=''              # this run's private folder
postgres_data=''    # PostgreSQL's part of it; elsewhere for root
signal=TERM         # the signal that ends CMD: the one that was received

# Starts NAME in its own process group: one id ends all of it, and this script forwards Ctrl-C.
spawn() {
    local name=$1
    shift
    set -m
    "$@" </dev/null &
    set +m
    group[$name]=$!
}

# Starts a service that writes to a log. If this shell is killed, the kernel signals the service.
serve() {
    local name=$1
    shift
    spawn "$name" setpriv --pdeathsig TERM "$@" >"$run/$name.log" 2>&1
}

is_running() { kill -0 -- "-${group[$1]}" 2>/dev/null; }

# Sends SIGNAL to every process of NAMEs.
send() {
    local signal=$1 name
    shift
    for name; do
        [[ -z ${group[$name]-} ]] || kill -s "$signal" -- "-${group[$name]}" 2>/dev/null || true
    done
}

# Returns when none of NAMEs is running any more; kills those that take too long.
until_gone() {
    local deadline=$((SECONDS + stop_seconds)) name
    for name; do
        while [[ -n ${group[$name]-} ]] && is_running "$name"; do
            if ((SECONDS >= deadline)); then
                say "killing $name: still running after $stop_seconds s"
                send KILL "$name"
                break
            fi
            sleep 0.05
        done
        unset "group[$name]"
    done
}

# Waits for a spawned process that ends by itself.
finish() {
    local name=$1
    wait "${group[$name]}" || give_up "$name failed" "$name"
    unset "group[$name]"
}

# Waits until PROBE succeeds for the service NAME, trying repeatedly.
await() {
    local name=$1 deadline=$((SECONDS + ready_seconds))
    shift
    until "$@" >/dev/null 2>&1; do
        is_running "$name" || give_up "$name ended instead of starting" "$name"
        ((SECONDS < deadline)) || give_up "$name was not ready within $ready_seconds s" "$name"
        sleep 0.05
    done
}

give_up() {
    local reason=$1 log=$run/$2.log
    [[ ! -f $log ]] || { say "the end of $2.log:" && tail -n 30 "$log" >&2; }
    fail "$reason"
}

# Whether an HTTP server on PORT answers a GET of PATH with 200.
answers() (
    exec 3<>"/dev/tcp/127.0.0.1/$1"
    printf 'GET %s HTTP/1.0\r\nHost: 127.0.0.1\r\n\r\n' "$2" >&3
    IFS= read -r -t 5 line <&3
    [[ $line == HTTP/*' 200 '* ]]
)

# Whether something accepts connections at PORT.
listens() (exec 3<>"/dev/tcp/127.0.0.1/$1")

# Prints COUNT free ports from below the kernel's ephemeral range, so that nothing else takes one by chance before the
# service does.
free_ports() {
    python3 - "$1" <<'PYTHON'
import random, socket, sys
bound = []
while len(bound) < int(sys.argv[1]):
    candidate = socket.socket()
    try:
        candidate.bind(("127.0.0.1", random.randrange(15000, 32000)))
        bound.append(candidate)
    except OSError:
        candidate.close()
print(*(each.getsockname()[1] for each in bound))
PYTHON
}

random_password() { od -An -N16 -tx1 /dev/urandom | tr -d ' \n'; }

install_all() {
    ensure_python
    spawn venv-ministack ensure_venv ministack
    spawn venv-moto ensure_venv moto
    spawn venv-nanio ensure_venv nanio
    spawn prometheus ensure_prometheus
    ensure_postgres
    ensure_mariadb
    ensure_other_postgres
    ensure_poolers
    finish venv-ministack
    finish venv-moto
    finish venv-nanio
    finish prometheus
}

# PostgreSQL does not run as root, so root starts it as the packages' own user, with data in a folder which that user
# can reach. No socket, because its path could be too long, and no fsync, because these data need not survive anything.
create_postgres() {
    postgres=$(postgres_bin)
    postgres_data=$run/postgres
    as_postgres=(env --chdir=/)
    if ((EUID == 0)); then
        postgres_data=$(mktemp -d /tmp/mrt-test-postgres.XXXXXX)
        as_postgres+=(setpriv --reuid postgres --regid postgres --init-groups --)
    fi
    mkdir -p "$postgres_data"
    printf '%s\n' "$postgres_password" >"$postgres_data/password"
    copy_other_postgres
    ((EUID != 0)) || chown -R postgres: "$postgres_data"
    spawn initdb "${as_postgres[@]}" "$postgres/initdb" --pgdata="$postgres_data/data" --no-sync \
        --username=postgres --pwfile="$postgres_data/password" --auth=scram-sha-256 \
        --encoding=UTF8 --locale=C.UTF-8 >"$run/initdb.log" 2>&1
}

# Sets `other_postgres_bins`. That user may have no access to this repository, so it gets copies.
copy_other_postgres() {
    local version programs folders=()
    for version in "${other_postgres[@]}"; do
        programs=$(other_postgres_bin "$version")
        if ((EUID == 0)); then
            cp -r "${programs%/bin}" "$postgres_data/$version"
            programs=$postgres_data/$version/bin
        fi
        folders+=("$programs")
    done
    other_postgres_bins=$(IFS=: && printf '%s' "${folders[*]}")
}

start_postgres() {
    serve postgres "${as_postgres[@]}" setpriv --pdeathsig INT "$postgres/postgres" -D "$postgres_data/data" \
        -c listen_addresses=127.0.0.1 -c port="$postgres_port" -c unix_socket_directories= \
        -c fsync=off -c synchronous_commit=off -c full_page_writes=off \
        -c max_connections=200 -c max_locks_per_transaction=1024
}

create_mariadb() {
    mkdir "$run/mariadb"
    cat >"$run/mariadb/init.sql" <<SQL
CREATE DATABASE mrt;
CREATE USER mrt@'%' IDENTIFIED BY '$mariadb_password';
GRANT ALL ON *.* TO mrt@'%' WITH GRANT OPTION;
SQL
    # Relative to that folder: the installer cannot handle a space in a path. A MariaDB that starts deletes the temporary
    # tables of others in the same folder, so it gets one of its own.
    in_mariadb=(env --chdir="$run/mariadb" TMPDIR="$run/mariadb")
    mariadb_options=(--no-defaults --user="$(id -un)" --datadir=./data --innodb-log-file-size=16M)
    spawn install-db "${in_mariadb[@]}" mariadb-install-db "${mariadb_options[@]}" --skip-test-db \
        --auth-root-authentication-method=socket >"$run/install-db.log" 2>&1
}

start_mariadb() {
    serve mariadb "${in_mariadb[@]}" "$(server_program mariadbd)" "${mariadb_options[@]}" \
        --init-file="$run/mariadb/init.sql" --bind-address=127.0.0.1 --port="$mariadb_port" --socket= \
        --skip-name-resolve --character-set-server=utf8mb4 --max-connections=200 --innodb-flush-log-at-trx-commit=0 \
        --innodb-flush-method=nosync --skip-sync-frm
}

mariadb_answers() {
    MYSQL_PWD=$mariadb_password mariadb --no-defaults --host=127.0.0.1 --port="$mariadb_port" --user=mrt \
        --connect-timeout=5 --execute='SELECT 1' mrt
}

# The emulators get nothing of the caller's environment: its AWS settings must not reach them or the functions that
# they run. Their folders are private too; by default, all runs would share some in /tmp.
start_ministack() {
    mkdir "$run/ministack"
    serve ministack env --chdir="$run/ministack" -i PATH="$PATH" LANG=C.UTF-8 HOME="$run/ministack" \
        TMPDIR="$run/ministack" STATE_DIR="$run/ministack/state" S3_DATA_DIR="$run/ministack/s3" \
        BIND_HOST=127.0.0.1 GATEWAY_PORT="$ministack_port" AWS_ENDPOINT_URL="http://127.0.0.1:$ministack_port" \
        MINISTACK_REGION=us-east-1 MINISTACK_ACCOUNT_ID=123456789012 AUTH=false LAMBDA_EXECUTOR=local \
        IOT_MTLS_ENABLED=0 SFTP_ENABLED=0 PYTHONUNBUFFERED=1 "$repository/.mrt/venv/ministack/bin/ministack"
}

# Its S3 listing pages have 100 entries, so that tests with several pages need few objects.
start_moto() {
    mkdir "$run/moto"
    serve moto env --chdir="$run/moto" -i PATH="$PATH" LANG=C.UTF-8 HOME="$run/moto" TMPDIR="$run/moto" \
        MOTO_S3_DEFAULT_MAX_KEYS=100 PYTHONUNBUFFERED=1 "$repository/.mrt/venv/moto/bin/moto_server" -H 127.0.0.1 -p "$moto_port"
}

# Its start has no side effects outside of its folder, and it answers 403 to a request without a signature.
start_nanio() {
    mkdir "$run/nanio"
    serve nanio env --chdir="$run/nanio" -i PATH="$PATH" LANG=C.UTF-8 HOME="$run/nanio" TMPDIR="$run/nanio" \
        NANIO_ACCESS_KEY=test NANIO_SECRET_KEY=nanio-secret PYTHONUNBUFFERED=1 \
        "$repository/.mrt/venv/nanio/bin/nanio" serve --data-dir data --host 127.0.0.1 --port "$nanio_port" \
        --no-access-log --log-level warning
}

# Initialises the databases while the emulators are already starting.
start_all() {
    read -r postgres_port mariadb_port ministack_port moto_port nanio_port < <(free_ports 5)
    postgres_password=$(random_password)
    mariadb_password=$(random_password)
    create_postgres
    create_mariadb
    start_ministack
    start_moto
    start_nanio
    finish initdb
    start_postgres
    finish install-db
    start_mariadb
    await postgres "$postgres/pg_isready" --host=127.0.0.1 --port="$postgres_port"
    await mariadb mariadb_answers
    await ministack answers "$ministack_port" /_ministack/health
    await moto answers "$moto_port" /moto-api/data.json
    await nanio listens "$nanio_port"
}

stop_all() {
    trap '' INT TERM HUP
    send "$signal" command
    until_gone command
    # On INT, PostgreSQL stops at once; on TERM, it would wait for its clients.
    send INT postgres
    send TERM "${!group[@]}"
    until_gone "${!group[@]}"
    if [[ -n $run ]]; then
        mkdir -p "$repository/.mrt/test/logs"
        mv -f "$run"/*.log "$repository/.mrt/test/logs/" 2>/dev/null || true
        rm -rf "$run" "$postgres_data"
    fi
}

(($#)) || fail "usage: infra/test/services.sh CMD [ARG...]"
trap stop_all EXIT
trap 'signal=INT; exit 130' INT
trap 'exit 143' TERM
trap 'exit 129' HUP

install_all
mkdir -p "$repository/.mrt/test"
run=$(mktemp -d "$repository/.mrt/test/run.XXXXXX")
start_all

export MRT_TEST_POSTGRES_URL="postgres://postgres:$postgres_password@127.0.0.1:$postgres_port/postgres"
export MRT_TEST_MYSQL_URL="mysql://mrt:$mariadb_password@127.0.0.1:$mariadb_port/mrt"
export MRT_TEST_MINISTACK_URL="http://127.0.0.1:$ministack_port"
export MRT_TEST_MOTO_URL="http://127.0.0.1:$moto_port"
export MRT_TEST_NANIO_URL="http://127.0.0.1:$nanio_port"
export MRT_TEST_POSTGRES_BIN=$postgres
export MRT_TEST_OTHER_POSTGRES_BINS=$other_postgres_bins
MRT_TEST_PGBOUNCER=$(server_program pgbouncer)
MRT_TEST_PGPOOL=$(server_program pgpool)
export MRT_TEST_PGBOUNCER MRT_TEST_PGPOOL
export MRT_TEST_PYTHON=$repository/.mrt/venv/ministack/bin/python
export MRT_TEST_REQUIRE_SERVICES=1
spawn command setpriv --pdeathsig TERM -- "$@"
wait "${group[command]}"
