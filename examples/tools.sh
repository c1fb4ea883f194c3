# What the examples' build scripts share: tools of pinned versions, and components that are built once. Sourced, after `here` is set.

cache=${ROWMILL_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/rowmill}/examples
mkdir -p "$cache"

fail() { printf 'error: %s\n' "$*" >&2; exit 1; }

# Runs a command with the lock $1, so that builds that run side by side install a tool once.
locked() {
  local lock=$cache/$1.lock
  shift
  if command -v flock >/dev/null 2>&1; then ( flock 9; "$@" ) 9>"$lock"; else "$@"; fi
}

# A Python with these packages of PyPI, in a folder named by its purpose and their versions: $tools.
python_tools() {
  local purpose=$1; shift
  tools=$cache/$purpose-$(printf '%s\n' "$@" | sha256sum | cut -c1-12)
  locked "$purpose" install_python "$@"
}

install_python() {
  [ ! -e "$tools/complete" ] || return 0
  command -v python3 >/dev/null 2>&1 || fail "python3 is missing: it installs the tools from PyPI"
  rm -rf "$tools"
  python3 -m venv "$tools" || fail "'python3 -m venv' failed (on Debian: apt-get install python3-venv)"
  "$tools/bin/pip" install --quiet --disable-pip-version-check "$@" || fail "could not install $* from PyPI"
  touch "$tools/complete"
}

# Node with the packages of the package-lock.json in this folder: $tools.
node_tools() {
  local purpose=$1
  tools=$cache/$purpose-$(sha256sum "$here/package-lock.json" | cut -c1-12)
  locked "$purpose" install_node
}

install_node() {
  [ ! -e "$tools/complete" ] || return 0
  command -v npm >/dev/null 2>&1 || fail "npm is missing: install Node.js (on Debian: apt-get install npm)"
  rm -rf "$tools"
  mkdir -p "$tools"
  cp "$here/package.json" "$here/package-lock.json" "$tools/"
  npm ci --prefix "$tools" --silent --no-audit --no-fund || fail "could not install the packages of $here/package.json from npm"
  touch "$tools/complete"
}

# `built COMMAND FILE SOURCE…`: has COMMAND write FILE, unless that was done for the same sources and tools before. $work is a folder for it.
built() {
  local make=$1 out=$2 key kept
  shift 2
  key=$( (echo "$tools"; sha256sum "$here/../tools.sh" "$@" | cut -c1-64) | sha256sum | cut -c1-32)
  kept=$cache/$key.wasm
  if [ ! -e "$kept" ]; then
    work=$(mktemp -d)
    trap 'rm -rf "$work"' EXIT
    "$make" "$work/built.wasm"
    cp "$work/built.wasm" "$kept.$$"
    mv "$kept.$$" "$kept"
  fi
  mkdir -p "$(dirname "$out")"
  cp "$kept" "$out.$$"
  mv "$out.$$" "$out"
}
