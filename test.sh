#!/bin/sh
# Runs every test on throw-away servers of this machine. See --help.
set -u
cd "$(dirname "$0")" || exit 1
. scripts/lib.sh

help() {
    cat <<'END'
usage: ./test.sh [--keep] [ARGUMENTS OF cargo test]
       ./test.sh --clean | --help

Runs every test of the workspace, on every PostgreSQL major version found on this machine.

  --keep    keep the temporary folder with what tests wrote (its name is printed)
  --clean   delete what builds and runs left in this folder (target/) and temporary folders of killed runs
  --help    this text

Other arguments go to `cargo test`, for example: ./test.sh -p pgstream-tests -- layers

PGSTREAM_TEST_PG_BINDIRS    more PostgreSQL versions: a list of bin folders, separated by colons
PGSTREAM_TEST_MAJORS        only these majors: 15,18
PGSTREAM_TEST_DATABASE_URL  use this server, made for tests, and start none

Exit code: that of cargo test; 2 if something is missing that could not be installed.
END
}

keep=
case ${1:-} in
    --help | -h)
        help
        exit 0
        ;;
    --clean)
        # Guards remove their own folders; these are left only where even they were killed.
        # /tmp is everybody's: what another user put there stays, and so does what a symbolic link points at.
        for folder in /tmp/pgstream-tests.*; do
            [ -d "$folder" ] && [ ! -L "$folder" ] && [ -O "$folder" ] && rm -rf "$folder"
        done
        cargo=$(command -v cargo || say "${HOME:-/}/.cargo/bin/cargo")
        if [ -x "$cargo" ]; then "$cargo" clean; else rm -rf target; fi
        exit
        ;;
    --keep)
        keep=yes
        shift
        ;;
esac

clear_environment
unset CDPATH ENV
missing=$(missing_packages)
say "test.sh installs:  ${missing:-nothing, all is here}"
say "        starts:    PostgreSQL, Redis and pgbouncer on 127.0.0.1, on free ports, in temporary folders; no existing server is touched"
say "        deletes:   those folders, when the tests end"
# shellcheck disable=SC2086 # a list of packages
[ -z "$missing" ] || install_packages $missing
ensure_rust
majors=$(postgres_majors)
[ -z "${PGSTREAM_TEST_MAJORS:-}" ] || majors="$majors, of these only $PGSTREAM_TEST_MAJORS"
say "        PostgreSQL found: ${majors:-none (a given server or containers)}"

# Servers run as another user if this is root: the folder can be entered and written by everybody, like /tmp. Not in TMPDIR,
# which may be so deep that the name of a socket becomes too long.
scratch=$(mktemp -d /tmp/pgstream-tests.XXXXXX) || exit 1
chmod 1777 "$scratch"
TMPDIR=$scratch
export TMPDIR

tests=
guards_are_at_work() {
    # Any of them: the first of the list may go between the listing and the look.
    for folder in "$scratch"/pgstream-test-*; do [ -d "$folder" ] && return 0; done
    return 1
}
finish() {
    # Each server's guard removes its folder as soon as its test program is gone: give them the moment that they need.
    tries=0
    while guards_are_at_work && [ "$tries" -lt 100 ]; do
        tries=$((tries + 1))
        sleep 0.2
    done
    if [ -n "$keep" ]; then say "kept: $scratch"; else rm -rf "$scratch"; fi
}
interrupted() {
    trap '' INT TERM HUP
    # cargo does not pass a signal on, so its test programs are told one by one. Their servers' guards end by themselves.
    # shellcheck disable=SC2046 # a list of pids
    [ -z "$tests" ] || kill -TERM $(descendants "$tests") "$tests" 2>/dev/null
    wait
    finish
    exit "$1"
}
trap 'interrupted 130' INT
trap 'interrupted 143' TERM
trap 'interrupted 129' HUP

# In the background, so that a signal is handled at once and not when the tests are over. The shell makes such a command
# ignore Ctrl-C; where `env` can, that is undone, because tests send signals to the programs that they start.
run() {
    if env --default-signal=INT true 2>/dev/null; then set -- env --default-signal=INT,QUIT "$@"; fi
    exec "$@"
}
if [ $# -eq 0 ]; then run cargo test --workspace & else run cargo test "$@" & fi
tests=$!
wait "$tests"
status=$?
finish
exit "$status"
