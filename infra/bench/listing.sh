#!/usr/bin/env bash
# Benchmarks bucket listings against s5cmd, rclone and the AWS CLI: `make bench-listing`, which builds our programs.
# Passes its arguments to listing.py; --help lists them. Installs the peers below .mrt/, rclone from its Debian package
# without root.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source-path=SCRIPTDIR source=../test/install.sh
. "$here/../test/install.sh"

# Prints the path of rclone; unpacks the distribution's package if it is not installed.
rclone_program() {
    local folder=$repository/.mrt/tools/rclone
    if command -v rclone; then
        return
    fi
    if [[ ! -x $folder/usr/bin/rclone ]]; then
        say "unpacking rclone into .mrt/tools/rclone"
        rm -rf "$folder"
        mkdir -p "$folder"
        (cd "$folder" && apt-get --quiet=2 -o APT::Sandbox::User=root download rclone && dpkg-deb -x rclone_*.deb .) >&2 ||
            fail "rclone could not be downloaded: install it, or pass --without-peers"
    fi
    printf '%s\n' "$folder/usr/bin/rclone"
}

release=${CARGO_TARGET_DIR:-$repository/target}/release
[[ -x $release/examples/list-bucket && -x $release/examples/list-bucket-sdk && -x $release/synthetic-s3 ]] ||
    fail "no release binaries in ${release}: run 'make bench-listing', which builds them"
ensure_python
if [[ " $* " != *" --without-peers "* ]]; then
    ensure_venv s3peers
    MRT_BENCH_RCLONE=$(rclone_program)
    export MRT_BENCH_RCLONE
fi
home=$(mktemp -d)
trap 'rm -rf "$home"' EXIT
export MRT_BENCH_HOME=$home
export MRT_BENCH_SERVER=$release/synthetic-s3
export MRT_BENCH_LISTER=$release/examples/list-bucket
export MRT_BENCH_SDK_LISTER=$release/examples/list-bucket-sdk
export MRT_BENCH_S5CMD=$repository/.mrt/venv/s3peers/bin/s5cmd
export MRT_BENCH_AWS=$repository/.mrt/venv/s3peers/bin/aws
python3 -B "$here/listing.py" "$@"
