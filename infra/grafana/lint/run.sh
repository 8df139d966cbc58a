#!/usr/bin/env bash
# Checks the dashboards in infra/grafana with Grafana's own types: a key that Grafana does not know, or a word that it does
# not understand, is an error.
#
# Dashboards that were checked before with the same types are not checked again.
set -euo pipefail

repository=$(cd "$(dirname "${BASH_SOURCE[0]}")/../../.." && pwd)
cd "$repository/infra/grafana/lint"
checked=$repository/.mrt/dashboards.checked

digest=$(cat ../*.json dashboard.ts run.sh tsconfig.json package-lock.json | sha256sum)
[[ $(cat "$checked" 2>/dev/null) != "$digest" ]] || exit 0
"$repository/infra/test/install.sh" dashboards-lint
rm -rf checked
mkdir checked
trap 'rm -rf checked' EXIT
for dashboard in ../*.json; do
    name=$(basename "$dashboard" .json)
    # A literal, because types of imported JSON lose the words.
    { printf "import type { Dashboard } from '../dashboard';\nexport const %s: Dashboard = " "$name"; cat "$dashboard"; } >"checked/$name.ts"
done
node_modules/.bin/tsc --project tsconfig.json
mkdir -p "${checked%/*}"
printf '%s\n' "$digest" >"$checked"
