#!/usr/bin/env bash
# Tests the dashboard (api/dashboard): its types against those of the API, its units, that the page in the repository is what its sources build,
# and the page in a browser in front of `mrt serve --demo`. Arguments go to the runner of the browser's tests.
#
# Needs the programs of the workspace in target/debug; installs everything else.
set -euo pipefail

repository=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
export MRT=${CARGO_TARGET_DIR:-$repository/target}/debug/mrt
"$repository/infra/test/install.sh" node
"$repository/infra/test/install.sh" chromium
"$repository/infra/test/install.sh" postgres
cd "$repository/api/dashboard"

./types.sh
npm run --silent check
npm run --silent unit
built=$(mktemp -d)
trap 'rm -rf "$built"' EXIT
npx vite build --logLevel warn --outDir "$built"
cmp "$built/index.html" dist/index.html || {
    echo 'error: api/dashboard/dist/index.html is not what its sources build: run `make dashboard`' >&2
    exit 1
}
npm run --silent browser -- "$@"
