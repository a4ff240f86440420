#!/bin/sh
# Installs the environments that are named, each only if what it is made of has changed:
#   main        .venv: the project, its command and its tests
#   localstack  the emulator and what its functions see; apart, because it pins another botocore
#   clients     the programs that `make clients` reads the archive with
#   bench       the programs that `make bench` compares with
# Versions and hashes come from requirements.lock and localstack.lock (`make lock`). Nothing but a Python is needed.
set -eu
cd "$(dirname "$0")/.."
unset PYTHONPATH PYTHONHOME VIRTUAL_ENV

fail() {
    printf '%s\n  Remedy: %s\n' "$1" "$2" >&2
    exit 1
}

# Prints the path of an interpreter: $PYTHON if it is set, else the one of .venv, else the newest that runs. A pyenv shim
# exists for every version and works only for those that are selected: PYENV_VERSION selects the one that is tried.
find_python() {
    probe='import sys; sys.version_info >= (3, 11) or sys.exit(1); print(getattr(sys, "_base_executable", sys.executable))'
    if [ -n "${PYTHON:-}" ]; then
        "$PYTHON" -c "$probe" 2>/dev/null && return
        fail "PYTHON=$PYTHON does not run, or is older than Python 3.11." "make PYTHON=/path/to/python3.13 ..."
    fi
    .venv/bin/python -c "$probe" 2>/dev/null && return
    for version in 3.13 3.12 3.11; do
        PYENV_VERSION=$version "python$version" -c "$probe" 2>/dev/null && return
    done
    for name in python3 python; do
        "$name" -c "$probe" 2>/dev/null && return
    done
    fail "No Python 3.11 or newer was found (tried python3.13, python3.12, python3.11, python3)." \
        "install one (Debian, Ubuntu: apt-get install python3 python3-venv; macOS: brew install python@3.13; pyenv:
  pyenv install 3.13), or name one that is not on PATH: make PYTHON=/path/to/python3.13 ..."
}

# Runs the commands of a function with their output in a log, and says what it does and how long that took.
step() {
    log=.local/setup-$2.log
    [ ! -t 1 ] || printf '  %s ...' "$1"
    began=$(date +%s)
    set +e # not in the condition of an if, where the function would go on after a failure
    (set -e; "install_$2") >"$log" 2>&1
    ended=$?
    set -e
    if [ "$ended" != 0 ]; then
        printf '\n' && tail -n 15 "$log" >&2
        fail "Installing failed." "the whole log is $log; where the network failed, run the same command again."
    fi
    [ ! -t 1 ] || printf '\r\033[K'
    printf '  %s: %s s\n' "$1" "$(($(date +%s) - began))"
}

locked() { # ENVIRONMENT LOCK ARGUMENT...: install what the arguments name, at the versions and hashes of a lock
    environment=$1 lock=$2
    shift 2
    .venv/bin/uv pip install --quiet --python "$environment/bin/python" --require-hashes --constraints "$lock" "$@"
}

new_environment() {
    rm -rf "$1"
    "$python" -m venv "$1" || {
        rm -rf "$1"
        echo "$python cannot make environments. Debian, Ubuntu: apt-get install python3-venv"
        return 1
    }
}

install_main() {
    new_environment .venv
    grep '^uv==' requirements.lock >.local/uv.txt
    .venv/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r .local/uv.txt
    locked .venv requirements.lock -r pyproject.toml --extra aws --group dev
    # the project itself, by link; what builds it is locked too
    .venv/bin/uv pip install --quiet --python .venv/bin/python --no-deps --no-build-isolation --editable .
}

install_localstack() {
    new_environment .local/venvs/localstack
    locked .local/venvs/localstack localstack.lock --group localstack
}

install_clients() {
    new_environment .local/venvs/clients
    locked .local/venvs/clients requirements.lock --group clients
}

install_bench() {
    new_environment .local/venvs/bench
    locked .local/venvs/bench requirements.lock --group bench
}

python=$(find_python)
mkdir -p .local/venvs
# uv does not read pip's configuration: an index of one's own counts for both
export UV_PYTHON_DOWNLOADS=never
for name in "$@"; do
    folder=.local/venvs/$name lock=requirements.lock
    [ "$name" != main ] || folder=.venv
    [ "$name" != localstack ] || lock=localstack.lock
    recipe="$python $PWD $(cat pyproject.toml scripts/setup.sh "$lock" | cksum)"
    if [ ! -x "$folder/bin/python" ] || [ "$(cat "$folder/made-of" 2>/dev/null)" != "$recipe" ]; then
        if [ -z "${UV_DEFAULT_INDEX:-}" ] && index=$("$python" -m pip config get global.index-url 2>/dev/null); then
            export UV_DEFAULT_INDEX="$index"
        fi
        step "installing the $name environment with $("$python" -V)" "$name"
        printf '%s' "$recipe" >"$folder/made-of" # last: an installation that was stopped is not believed
    fi
done
