# Shared by demo.sh and test.sh: what is needed, how it is installed, and an environment that leads nowhere else.
# POSIX sh. Source it from the repository's root. It changes nothing until a function is called.

# The one list: program, Debian package, Homebrew formula.
NEEDED='
postgres       postgresql      postgresql@18
redis-server   redis-server    redis
pgbouncer      pgbouncer       pgbouncer
cc             build-essential -
'

say() { printf '%s\n' "$*"; }
complain() { printf '%s\n' "$*" >&2; }

# Removes everything from the environment that names a database, a secret or another installation. `.env` is never read.
clear_environment() {
    for name in $(env | sed -n 's/^\([A-Za-z_][A-Za-z_0-9]*\)=.*/\1/p'); do
        case $name in
            PGSTREAM_TEST_*) ;;
            PG* | *DATABASE_URL | REDIS_URL | AWS_*) unset "$name" ;;
        esac
    done
}

# has PROGRAM: whether it is on this machine.
has() {
    case $1 in
        postgres)
            for folder in $(postgres_folders); do [ -x "$folder/postgres" ] && [ -x "$folder/initdb" ] && return 0; done
            return 1
            ;;
        cc) command -v cc >/dev/null 2>&1 || command -v gcc >/dev/null 2>&1 || command -v clang >/dev/null 2>&1 ;;
        *) command -v "$1" >/dev/null 2>&1 || [ -x "/usr/sbin/$1" ] || [ -x "/opt/homebrew/bin/$1" ] || [ -x "/usr/local/bin/$1" ] ;;
    esac
}

# Folders with PostgreSQL servers, one per line. The same places as the test harness looks into.
postgres_folders() {
    printf '%s\n' "${PGSTREAM_TEST_PG_BINDIRS:-}" | tr ':,' '\n\n' | sed '/^$/d'
    command -v pg_config >/dev/null 2>&1 && pg_config --bindir
    printf '%s\n' "$PATH" | tr ':' '\n'
    for folder in /usr/lib/postgresql/*/bin /usr/pgsql-*/bin /opt/homebrew/opt/postgresql*/bin /usr/local/opt/postgresql*/bin \
        /home/linuxbrew/.linuxbrew/opt/postgresql*/bin /Applications/Postgres.app/Contents/Versions/*/bin; do
        [ -d "$folder" ] && printf '%s\n' "$folder"
    done
    return 0
}

# The PostgreSQL majors found, oldest first, on one line.
postgres_majors() {
    for folder in $(postgres_folders); do
        if [ -x "$folder/postgres" ] && [ -x "$folder/initdb" ] && [ -x "$folder/pg_ctl" ]; then
            "$folder/postgres" --version | sed -n 's/^[^)]*) \([0-9][0-9]*\).*/\1/p'
        fi
    done | sort -nu | tr '\n' ' ' | sed 's/ $//'
}

package_manager() {
    if command -v apt-get >/dev/null 2>&1; then
        say apt
    elif command -v brew >/dev/null 2>&1; then
        say brew
    else
        say none
    fi
}

# missing_packages [PROGRAM...]: packages for those of the programs (all by default) that are not on this machine.
missing_packages() {
    wanted=${*:-postgres redis-server pgbouncer cc}
    manager=$(package_manager)
    printf '%s' "$NEEDED" | while read -r program debian brew; do
        [ -n "$program" ] || continue
        case " $wanted " in *" $program "*) ;; *) continue ;; esac
        has "$program" && continue
        if [ "$manager" = brew ]; then package=$brew; else package=$debian; fi
        [ "$package" = - ] || printf '%s ' "$package"
    done
    command -v cargo >/dev/null 2>&1 || [ -x "${HOME:-/}/.cargo/bin/cargo" ] || rust_package
}

# The package that brings a Rust that is new enough, if there is one; otherwise `ensure_rust` says what to do.
rust_package() {
    if [ "$(package_manager)" = brew ] || [ -n "$(apt_candidate rustup)" ]; then
        printf 'rustup '
    elif version_is_enough "$(rust_wanted)" "$(apt_candidate cargo)"; then
        printf 'cargo '
    fi
}

apt_candidate() {
    apt-cache policy "$1" 2>/dev/null | sed -n 's/.*Candidate: \([0-9][0-9.]*\).*/\1/p'
}

# services_of PACKAGE...: those that bring a service which would run from the next boot on.
services_of() {
    for package in "$@"; do
        case $package in redis-server | pgbouncer) printf '%s ' "$package" ;; esac
    done
}

# The one line that a person without rights can hand to one who has them. It creates no cluster and starts no service.
install_line() {
    if [ "$(package_manager)" = brew ]; then
        say "brew install $*"
    else
        say "sudo sh -c 'mkdir -p /etc/postgresql-common/createcluster.d && echo create_main_cluster = false >/etc/postgresql-common/createcluster.d/pgstream.conf && apt-get update && apt-get install -y --no-install-recommends $*; systemctl disable --now $(services_of "$@")'"
    fi
}

# install_packages PACKAGE...: exits 2 with the line to run if it may not.
install_packages() {
    case $(package_manager) in
        brew) HOMEBREW_NO_AUTO_UPDATE=1 brew install "$@" ;;
        apt)
            if [ "$(id -u)" = 0 ]; then
                install_by_apt '' "$@"
            elif command -v sudo >/dev/null 2>&1 && sudo -n true 2>/dev/null; then
                install_by_apt 'sudo -n' "$@"
            elif command -v sudo >/dev/null 2>&1 && [ -t 0 ] && sudo -v; then
                install_by_apt sudo "$@"
            else
                complain "These packages are missing, and this needs root or sudo. Run this line, then the same command again:"
                complain "  $(install_line "$@")"
                exit 2
            fi
            ;;
        *)
            complain "Missing, and there is neither apt nor brew to install it: $*"
            exit 2
            ;;
    esac
}

# Packages only: no new cluster, and no service that starts because its package was installed. A policy that the machine
# already has stays as it is.
install_by_apt() {
    as=$1
    shift
    folder=/etc/postgresql-common/createcluster.d
    policy=/usr/sbin/policy-rc.d
    ours=
    $as mkdir -p "$folder"
    [ -e "$folder/pgstream.conf" ] || say 'create_main_cluster = false' | $as tee "$folder/pgstream.conf" >/dev/null
    if [ ! -e "$policy" ]; then
        ours=yes
        printf '#!/bin/sh\nexit 101\n' | $as tee "$policy" >/dev/null
        $as chmod 755 "$policy"
    fi
    trap '[ -z "$ours" ] || $as rm -f "$policy"; exit 130' INT TERM HUP
    status=0
    if ! { $as apt-get -qq update && $as env DEBIAN_FRONTEND=noninteractive apt-get -qq -y --no-install-recommends install "$@"; } </dev/null; then
        status=1
    fi
    [ -z "$ours" ] || $as rm -f "$policy"
    trap - INT TERM HUP
    # They were not here before, so nobody counts on them after a restart of the machine.
    for service in $(services_of "$@"); do $as systemctl disable -q "$service" >/dev/null 2>&1 || :; done
    if [ "$status" != 0 ]; then
        complain "The packages could not be installed. By hand: $(install_line "$@")"
        exit 2
    fi
}

# Makes sure of a cargo that is new enough, and puts it into PATH. Exits 2 with what to do if it cannot be had.
ensure_rust() {
    for folder in "${HOME:-/}/.cargo/bin" /opt/homebrew/opt/rustup/bin /usr/local/opt/rustup/bin; do
        [ -d "$folder" ] && PATH=$folder:$PATH
    done
    export PATH
    rust_is_new_enough && return 0
    if command -v rustup >/dev/null 2>&1; then
        say "Installing Rust with rustup."
        rustup toolchain install stable --profile minimal </dev/null && RUSTUP_TOOLCHAIN=stable && export RUSTUP_TOOLCHAIN
        rust_is_new_enough && return 0
    fi
    complain "Rust $(rust_wanted) or newer is needed (found: $(cargo --version 2>/dev/null || say none))."
    complain "Install it from https://rustup.rs, then run this again."
    exit 2
}

rust_wanted() { sed -n 's/^rust-version = "\(.*\)"/\1/p' Cargo.toml; }

rust_is_new_enough() {
    version_is_enough "$(rust_wanted)" "$(cargo --version 2>/dev/null | sed -n 's/^cargo \([0-9]*\.[0-9]*\).*/\1/p')"
}

# version_is_enough WANTED FOUND
version_is_enough() {
    [ -n "$2" ] && [ "$(printf '%s\n%s\n' "$1" "$2" | sort -t. -k1,1n -k2,2n | head -n 1)" = "$1" ]
}

# descendants PID: the processes below one that are in this script's process group. Guards of test servers
# have groups of their own: they must stay to clean up.
descendants() {
    ps -A -o pid= -o ppid= -o pgid= 2>/dev/null | awk -v root="$1" -v self=$$ '
        { parent[$1] = $2; group[$1] = $3 }
        END {
            for (pid in parent) {
                if (group[pid] != group[self]) continue
                for (up = parent[pid]; up > 1 && up != root; up = parent[up]);
                if (up == root) print pid
            }
        }'
}
