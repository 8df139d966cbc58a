#!/usr/bin/env bash
# Runs CMD, the workspace's tests, then those of sizing and users again with MySQL in place of MariaDB (mysql.sh), and
# then the dashboard's (dashboard.sh), while the deployment's tests (infra/aws/tests) run in the background.
#
#   infra/test/services.sh infra/test/everything.sh CMD [ARG...]
#
# The deployment's tests mostly wait, for a schedule that ticks once a minute and for sam; the others use the
# processor meanwhile. The two outputs never mix: the background writes to a log, of which only failed tests are
# shown at once, in one line each. When the others are done, the whole log follows, and then one line for each.
# Fails when any fails. Whatever ends this script ends all.
set -euo pipefail

(($#)) || { echo "usage: infra/test/services.sh infra/test/everything.sh CMD [ARG...]" >&2; exit 1; }
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
log=.mrt/test/logs/deployment-tests.log
mkdir -p "${log%/*}"

say() { printf '%s\n' "$*" >&2; }

# Prints whether a part passed.
report() { if (($2)); then say "$1: FAILED"; else say "$1: passed"; fi; }

# The log up to now and everything that follows, until the deployment's tests end.
follow() { tail --lines=+1 --follow --pid="$deployment" "$log"; }

infra/aws/tests/run.sh >"$log" 2>&1 &
deployment=$!
follow | grep --line-buffered -E '\.\.\. (FAIL|ERROR)$' | sed --unbuffered 's/^/deployment: /' >&2 &
watcher=$!
# The deployment's tests stop their emulator on TERM; the watcher ends when they do.
trap 'kill "$deployment" 2>/dev/null || true' EXIT

workspace_status=0 mysql_status=0 dashboard_status=0 deployment_status=0
"$@" || workspace_status=$?

say ''
say 'tests on MySQL:'
# Sizes one at a time: MySQL's list of InnoDB tables cannot be read while any session waits for a lock on a table.
# shellcheck disable=SC2016 # the arguments are those of the inner shell
infra/test/mysql.sh bash -c '
    status=0
    "$@" -- users:: || status=$?
    NEXTEST_TEST_THREADS=1 RUST_TEST_THREADS=1 "$@" -- table_size::mysql || status=$?
    exit "$status"' mysql "$@" || mysql_status=$?

say ''
say 'dashboard tests:'
infra/test/dashboard.sh || dashboard_status=$?

say ''
say 'deployment tests:'
kill "$watcher" 2>/dev/null || true
follow >&2
wait "$deployment" || deployment_status=$?

say ''
report 'workspace tests' "$workspace_status"
report 'tests on MySQL' "$mysql_status"
report 'dashboard tests' "$dashboard_status"
report 'deployment tests' "$deployment_status"
exit "$((workspace_status || mysql_status || dashboard_status || deployment_status))"
