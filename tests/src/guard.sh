# Owns a folder and the servers in it. Runs one command per line of stdin and answers its exit status; when stdin ends
# (the test process is gone, however it went), it kills what the pid files name and removes the folder.
umask 077
trap '' INT TERM HUP QUIT PIPE
cd / || exit 1
dir=$(mktemp -d "$1/pgstream-test-XXXXXX" 2>/dev/null || mktemp -d /tmp/pgstream-test-XXXXXX) || exit 1
HOME=$dir
export HOME
last=$2
printf '%s\n' "$dir"
# Whoever waits for the end of the test program's output must not have to wait for the guard.
exec 2>/dev/null
find_servers() {
    found=
    for file in "$dir"/*/postmaster.pid "$dir"/*.pid; do
        [ -s "$file" ] && read -r pid <"$file" && found="$found $pid"
    done
}
pids=
while IFS= read -r line; do
    (trap - INT TERM HUP QUIT PIPE; eval "$line") </dev/null >"$dir/out" 2>&1
    status=$?
    find_servers
    pids=$found
    printf '%s\n' "$status"
done
exec >/dev/null
find_servers
# If somebody removed the folder under us, the servers that were seen last still have to go.
[ -d "$dir" ] && pids=$found
for pid in $pids; do kill -QUIT "$pid"; done
tries=0
for pid in $pids; do
    while kill -0 "$pid"; do
        tries=$((tries + 1))
        [ "$tries" -gt 100 ] && kill -KILL "$pid"
        [ "$tries" -gt 120 ] && break
        sleep 0.05
    done
done
[ -n "$last" ] && eval "$last"
rm -rf "$dir"
# A backend that outlived its postmaster by a moment may have written one more file.
[ -e "$dir" ] && sleep 1 && rm -rf "$dir"
exit 0
