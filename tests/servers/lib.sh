# What the server scripts share: where things are kept, packages, free ports, and ending what was started and nothing else.

cache=${ROWMILL_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/rowmill}

say() { printf '%s\n' "$*" >&2; }

die() { say "error: $*"; exit 1; }

# Installs packages, each only where the program it stands for is missing: `need PROGRAM PACKAGE…`.
need() {
  local program=$1; shift
  command -v "$program" >/dev/null 2>&1 && return 0
  command -v apt-get >/dev/null 2>&1 || die "$program is missing and there is no apt-get to install it: install $* by hand"
  [ "$(id -u)" = 0 ] || die "$program is missing: run 'apt-get install $*' as root"
  say "installing $*"
  apt-get update -qq >/dev/null 2>&1 || say "warning: 'apt-get update' failed; going on with the package lists that are there"
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" </dev/null >/dev/null \
    || die "'apt-get install $*' failed"
}

listens() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

# A port that nobody listens on, below the range from which the kernel takes ports for connections.
free_port() {
  local port
  while :; do
    port=$((20000 + (RANDOM * 32768 + RANDOM) % 11000))
    listens "$port" || { echo "$port"; return 0; }
  done
}

# When a process began, in clock ticks since boot: with its id it names one process for good.
began() { sed 's/.*) //' "/proc/$1/stat" 2>/dev/null | cut -d' ' -f20; }

# Ends the process in state file $1 by signal $2 (TERM, or KILL for a crash); what it was started with is kept for `up_process`.
down_process() {
  local state=$1 pid data
  pid=$(sed -n 's/^pid=//p' "$state")
  [ "$(began "$pid")" = "$(sed -n 's/^began=//p' "$state")" ] || die "the server of $state does not run"
  cp "/proc/$pid/cmdline" "$state.command"
  data=$(sed -n 's/^data=//p' "$state")
  # Whoever sweeps up after servers that are gone leaves it alone.
  [ -z "$data" ] || touch "$data/down"
  [ "$2" = TERM ] || kill "-$2" "$pid"
  end_process "$state"
}

# Starts what `down_process` ended, by the same command within $2, its output into $3.
up_process() {
  local state=$1 data command
  [ -f "$state.command" ] || die "the server of $state was not ended"
  mapfile -d '' -t command <"$state.command"
  data=$(sed -n 's/^data=//p' "$state")
  # A process that has ended is there as long as nobody asks how; a server that finds its id in the lock file would not start.
  [ -z "$data" ] || rm -f "$data/socket.lock"
  setsid chroot "$2" "${command[@]}" </dev/null >>"$3" 2>&1 &
  sed -i "s/^pid=.*/pid=$!/; s/^began=.*/began=$(began $!)/" "$state"
  [ -z "$data" ] || { cp "$state" "$data/state"; rm -f "$data/down"; }
  rm -f "$state.command"
}

# Ends the process in state file $1 (lines `pid=…`, `began=…`) and waits until it is gone; another process that got its id is left alone.
end_process() {
  local pid start tries=0
  pid=$(sed -n 's/^pid=//p' "$1"); start=$(sed -n 's/^began=//p' "$1")
  [ -n "$pid" ] && [ "$(began "$pid")" = "$start" ] || return 0
  kill "$pid" 2>/dev/null || return 0
  while [ "$(began "$pid")" = "$start" ] && [ "$(sed 's/.*) //' "/proc/$pid/stat" 2>/dev/null | cut -c1)" != Z ]; do
    tries=$((tries + 1))
    [ $tries -lt 300 ] || { say "process $pid did not end in 30 s; killing it"; kill -9 "$pid" 2>/dev/null || true; return 0; }
    sleep 0.1
  done
}
