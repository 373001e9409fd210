#!/bin/sh
# Shows what pgstream does, on two throw-away servers of this machine. See --help.
set -u
cd "$(dirname "$0")" || exit 1
. scripts/lib.sh

help() {
    cat <<'END'
usage: ./demo.sh [--keep]
       ./demo.sh --clean | --help

Starts two PostgreSQL servers, calls one of them production, fills it with a web shop (about 70 MB), and shows:
  1  a sync production -> local, proven by hashes
  2  the same into production: refused
  3  a sync whose connection is killed halfway: still proven
  4  one changed row: found
  5  a backup with one flipped byte: found

  --keep    leave servers and folder as they are at the end, to go on by hand
  --clean   stop servers and delete folders that --keep left, and what was built for the demo
  --help    this text

DEMO_SCALE    size of the sample data, 1 is about 7 MB (10)

Exit code: 0 only if everything came out as told; 2 if something is missing that could not be installed.
END
}

# stop_server_of FILE: stops the server that wrote this postmaster.pid. After a crash of the machine its number may be that of
# any process, so only a postgres that runs in this very folder is stopped.
stop_server_of() {
    [ -f "$1" ] || return 0
    server=$(head -n 1 "$1")
    case $server in '' | *[!0-9]*) return 0 ;; esac
    tries=0
    while is_server "$server" "${1%/*}" && [ "$tries" -lt 50 ]; do
        [ "$tries" = 0 ] && kill -INT "$server" 2>/dev/null
        tries=$((tries + 1))
        sleep 0.1
    done
}
# is_server PID FOLDER: whether the process is a postgres with this folder. pg_ctl starts it as `/…/postgres -D FOLDER …`.
is_server() {
    case $(ps -ww -o args= -p "$1" 2>/dev/null) in
        */postgres\ -D\ "$2" | */postgres\ -D\ "$2"\ *) return 0 ;;
        *) return 1 ;;
    esac
}

# As `cargo build` names it; a build of its own, because it has to be quick and not the fastest.
PROFILE=demo

keep=
case ${1:-} in
    '') ;;
    --keep) keep=yes ;;
    --help | -h)
        help
        exit 0
        ;;
    --clean)
        for folder in /tmp/pgstream-demo.*; do
            [ -d "$folder" ] || continue
            [ -O "$folder" ] || continue
            for pid in "$folder"/*/postmaster.pid; do stop_server_of "$pid"; done
            rm -rf "$folder" && say "deleted $folder"
        done
        rm -rf "target/$PROFILE"
        exit 0
        ;;
    *)
        help >&2
        exit 2
        ;;
esac

clear_environment
unset CDPATH ENV
began=$(date +%s)
scale=${DEMO_SCALE:-10}
missing=$(missing_packages postgres cc)
say "demo.sh installs:  ${missing:-nothing, all is here}"
say "        starts:    two PostgreSQL servers on 127.0.0.1, on free ports, in a folder in /tmp; no existing server is touched"
say "        deletes:   that folder, when it ends; what it builds stays in target/"
# shellcheck disable=SC2086 # a list of packages
[ -z "$missing" ] || install_packages $missing
ensure_rust

# The newest PostgreSQL that has clients too: pg_dump is to be compared with.
bin=$(
    for folder in $(postgres_folders); do
        whole=yes
        for program in postgres initdb pg_ctl psql pg_dump; do [ -x "$folder/$program" ] || whole=; done
        [ -z "$whole" ] || "$folder/postgres" --version | sed -n "s|^[^)]*) \([0-9][0-9]*\).*|\1 $folder|p"
    done | sort -n | tail -n 1 | sed 's/^[0-9]* //'
)
if [ -z "$bin" ]; then
    complain "No PostgreSQL was found that has server and clients (initdb, psql, pg_dump) in one folder."
    exit 2
fi

# As root, servers run as somebody else: PostgreSQL refuses root.
user=
if [ "$(id -u)" = 0 ]; then
    for name in postgres nobody; do id -u "$name" >/dev/null 2>&1 && user=$name && break; done
    if [ -z "$user" ]; then
        complain "As root, a user postgres or nobody is needed to run the servers as."
        exit 2
    fi
fi
as_server() {
    if [ -z "$user" ]; then
        "$@"
    elif command -v setpriv >/dev/null 2>&1; then
        setpriv --reuid="$user" --regid="$(id -g "$user")" --init-groups -- "$@"
    elif command -v runuser >/dev/null 2>&1; then
        runuser -u "$user" -- "$@"
    else
        sudo -n -u "$user" -- "$@"
    fi
}

scratch=$(mktemp -d /tmp/pgstream-demo.XXXXXX) || exit 1
chmod 755 "$scratch"
for name in production local; do
    mkdir -m 700 "$scratch/$name" && { [ -z "$user" ] || chown "$user" "$scratch/$name"; } || exit 1
done

build=
children=
stop_children() {
    for child in $children $build; do
        # shellcheck disable=SC2046 # a list of pids
        kill -TERM $(descendants "$child") "$child" 2>/dev/null
    done
    wait
}
stop_servers() {
    for name in production local; do
        [ -f "$scratch/$name/postmaster.pid" ] && as_server "$bin/pg_ctl" -D "$scratch/$name" -m immediate -w stop >/dev/null 2>&1
    done
    return 0
}
finish() {
    trap '' INT TERM HUP
    trap - EXIT
    stop_children
    if [ -n "$keep" ] && [ "$1" = 0 ]; then
        say ""
        say "Left running, in $scratch. To go on by hand:"
        say "  cd $scratch && . ./demo.env"
        say "./demo.sh --clean stops and deletes it."
    else
        stop_servers
        rm -rf "$scratch"
    fi
    exit "$1"
}
trap 'finish 130' INT
trap 'finish 143' TERM
trap 'finish 129' HUP
trap 'finish 1' EXIT

fail() {
    complain ""
    complain "demo.sh: $*"
    finish 1
}

# Runs a command so that a signal is handled at once and not when the command is over.
patiently() {
    "$@" &
    children=$!
    wait "$children"
    patience=$?
    children=
    return "$patience"
}

sql() { "$bin/psql" -XqAt -v ON_ERROR_STOP=1 -h 127.0.0.1 -U postgres "$@"; }

# Milliseconds, by a clock that every system has here.
now() { sql -p "$local_port" -d postgres -c 'select (extract(epoch from clock_timestamp()) * 1000)::bigint'; }
seconds() { awk -v ms="$1" 'BEGIN { printf "%.1f s", ms / 1000 }'; }

# A port is free if a server can listen there: whoever looks first and starts then may be too late.
random_port() { awk -v seed="$$$1$(date +%S)" 'BEGIN { srand(seed); print 20000 + int(rand() * 12000) }'; }
# Both servers have the same settings, made for being thrown away.
start_server() {
    as_server "$bin/initdb" -D "$scratch/$1" -U postgres -A trust -E UTF8 --no-locale --no-sync >"$scratch/$1.initdb" 2>&1 ||
        return 1
    as_server sh -c "cat >>'$scratch/$1/postgresql.conf'" <<END
listen_addresses = '127.0.0.1'
unix_socket_directories = ''
fsync = off
full_page_writes = off
shared_buffers = 128MB
max_wal_size = 2GB
wal_level = minimal
max_wal_senders = 0
jit = off
END
    for try in 1 2 3 4 5 6 7 8 9 10; do
        port=$(random_port "$2$try")
        if as_server "$bin/pg_ctl" -D "$scratch/$1" -l "$scratch/$1/log" -o "-p $port" -w start >/dev/null 2>&1 </dev/null; then
            say "$port" >"$scratch/$1.port"
            return 0
        fi
    done
    return 1
}

say ""
say "PostgreSQL: $bin"
say "Building pgstream, beside starting the servers and making the sample data (about $((scale * 7)) MB) …"
cargo build --quiet --locked --profile "$PROFILE" --package pgstream-cli --bin pgstream >"$scratch/build.log" 2>&1 </dev/null &
build=$!
start_server production 1 &
first=$!
start_server local 2 &
second=$!
children="$first $second"
wait "$first" || fail "the server could not be started: $(cat "$scratch/production.initdb"; tail -n 5 "$scratch/production/log" 2>/dev/null)"
wait "$second" || fail "the server could not be started: $(cat "$scratch/local.initdb"; tail -n 5 "$scratch/local/log" 2>/dev/null)"
children=
production_port=$(cat "$scratch/production.port")
local_port=$(cat "$scratch/local.port")
sql -p "$production_port" -d postgres -c 'create database shop' || fail "no database could be made"
for name in shop again by_pg_dump; do sql -p "$local_port" -d postgres -c "create database $name" || fail "no database could be made"; done
PGOPTIONS="-c shop.scale=$scale -c client_min_messages=warning"
export PGOPTIONS
patiently sql -p "$production_port" -d shop -f tests/fixtures/sample/shop.sql >"$scratch/sample.log" 2>&1 ||
    fail "the sample data could not be made: $(tail -n 5 "$scratch/sample.log")"
unset PGOPTIONS
patiently sql -p "$production_port" -d shop -c 'vacuum (analyze)' -c checkpoint || fail "the sample data could not be vacuumed"
# The roles of the shop belong to the server, not to the database; both ends need them.
for role in shop_reader shop_writer; do sql -p "$local_port" -d postgres -c "create role $role" || fail "no role could be made"; done
say "Production holds $(sql -p "$production_port" -d shop -c 'select pg_size_pretty(pg_database_size(current_database()))')."
wait "$build" || fail "the build failed:
$(cat "$scratch/build.log")"
build=

repository=$PWD
cat >"$scratch/demo.env" <<END
export PRODUCTION_DATABASE_URL=postgres://postgres@127.0.0.1:$production_port/shop
export LOCAL_DATABASE_URL=postgres://postgres@127.0.0.1:$local_port/shop
export PGSTREAM_PROFILE_AGAIN_URL=postgres://postgres@127.0.0.1:$local_port/again
export PGSTREAM_STATE_DIRECTORY=$scratch/state
export BACKUP_DIRECTORY=$scratch/backups
PATH=$repository/target/$PROFILE:$bin:\$PATH
END
# The folder is empty: a .env of yours is not read.
cd "$scratch" || finish 1
. ./demo.env
say ""
say "Every command below can be pasted into another terminal while this runs (--keep leaves it running), after:"
say "  cd $scratch && . ./demo.env"
sed 's/^/    /' demo.env

# step EXIT_CODE COMMAND...: shows it, runs it, and fails the demo if it ends with another code.
step() {
    expected=$1
    shift
    say ""
    say "\$ $*"
    patiently "$@" >report.txt
    code=$?
    cat report.txt
    say "(exit code $code)"
    [ "$code" = "$expected" ] || fail "exit code $expected was expected"
}
headline() {
    say ""
    say "== $*"
}

headline "1. production -> local, every table compared by its hash"
step 0 pgstream sync --from production --to local --verify checksum
grep -q 'proven by content' report.txt || fail "the report does not say that the content was proven"
proof=$(sed -n "s/^rows: *//p" report.txt)
sync_time=$(sed -n 's/^time: *\([^,]*\).*/\1/p' report.txt)
memory=$(sed -n 's/^memory: *//p' report.txt)

headline "2. the same into production"
step 3 pgstream sync --from local --to production --verify checksum

headline "3. production -> another database; the server ends one of our connections while it sends rows"
cat >kill.sql <<'END'
set application_name = 'demo: kill one COPY';
do $$
declare
    killed text;
begin
    for attempt in 1 .. 20000 loop
        perform pg_stat_clear_snapshot();
        select substring(query from 'COPY \S+') into killed
          from pg_stat_activity
         where datname = current_database() and state = 'active' and application_name like 'pgs%'
           and query ~ 'COPY .* TO STDOUT' and query !~ 'pg_stat_activity'
           and pg_terminate_backend(pid)
         limit 1;
        exit when killed is not null;
        perform pg_sleep(0.001);
    end loop;
    if killed is null then raise exception 'no COPY was seen'; end if;
    raise notice 'killed the connection that was sending rows: %', killed;
end $$;
END
sql -p "$production_port" -d shop -f kill.sql >killed.txt 2>&1 &
killer=$!
until [ "$(sql -p "$production_port" -d postgres -c "select count(*) from pg_stat_activity where application_name like 'demo: kill%' and state = 'active'")" = 1 ]; do
    kill -0 "$killer" 2>/dev/null || fail "the connection that kills did not start: $(cat killed.txt)"
done
step 0 pgstream sync --from production --to again --verify checksum
wait "$killer" || fail "no connection was killed: $(cat killed.txt)"
say "$(sed -n 's/.*NOTICE: *//p' killed.txt), and everything was proven all the same."
grep -q 'proven by content' report.txt || fail "the report does not say that the content was proven"

headline "4. one row changes in the copy"
change="update shop.orders set total = total + 1 where id = (select min(id) from shop.orders)"
say ""
say "\$ psql \"\$LOCAL_DATABASE_URL\" -c '$change'"
sql -p "$local_port" -d shop -c "$change" || fail "the row could not be changed"
step 5 pgstream verify --from production --to local
grep -q shop.orders report.txt || fail "the report does not name the table"

headline "5. a backup; then one of its bytes is flipped, as a bad disk does"
step 0 pgstream backup create --from production
backup_time=$(sed -n 's/^time: *\([^,]*\).*/\1/p' report.txt)
folder=$(sed -n 's/^to: *//p' report.txt)
step 0 pgstream backup verify latest --level 2
# flip FILE: changes one bit of the byte in the middle, and leaves the size as it is.
flip() {
    middle=$(($(wc -c <"$1") / 2))
    byte=$(od -An -v -tu1 -j "$middle" -N 1 "$1" | tr -d ' ')
    # shellcheck disable=SC2059 # the format is the byte
    printf "\\$(printf %03o $((byte ^ 1)))" | dd of="$1" bs=1 seek="$middle" conv=notrunc 2>/dev/null
}
say ""
say "one bit in the middle of $folder/database.sql.zst is flipped"
flip "$folder/database.sql.zst" || fail "the byte could not be flipped"
step 5 pgstream backup verify latest
grep -q 'database.sql.zst, from byte' report.txt || fail "the report does not name the file"

headline "For comparison: pg_dump | psql, which compares nothing"
say ""
say "\$ pg_dump \"\$PRODUCTION_DATABASE_URL\" | psql -q \"postgres://postgres@127.0.0.1:$local_port/by_pg_dump\""
by_pg_dump() {
    "$bin/pg_dump" "$PRODUCTION_DATABASE_URL" | sql -p "$local_port" -d by_pg_dump >/dev/null 2>by_pg_dump.txt
}
start=$(now)
patiently by_pg_dump || fail "pg_dump | psql failed: $(cat by_pg_dump.txt)"
peer_time=$(seconds $(($(now) - start)))

say ""
say "All of it came out as told, in $(($(date +%s) - began)) s:"
say "  proven    rows: $proof; counted and compared by hash, twice, once through a killed connection"
say "  refused   writing to production (exit code 3)"
say "  found     one changed row in shop.orders (exit code 5), and one flipped bit in a backup (exit code 5)"
say "  time      $sync_time with every row compared; pg_dump | psql: $peer_time, nothing compared; the backup: $backup_time"
say "  memory    $memory"
say "Next: README.md shows how to install it and name your own databases."
finish 0
