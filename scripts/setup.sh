#!/bin/sh
# Installs the environments that are named, each only if what it is made of has changed:
#   main        .venv: the project and its command, at home
#   files       .venv, added: what Parquet and DataFrames need
#   aws         .venv, added: what reaches AWS, and deploys
#   dev         .venv, added: tests and checks, with all of the above
#   localstack  the emulator and what its functions see; apart, because it pins another botocore
#   clients     the programs that `make clients` reads the archive with
#   nautilus    nautilus_trader, which `make clients` reads it with too (Python 3.12 and newer)
#   dashboard   the page in a browser: larger than all the rest, so it is apart
#   browser     the dashboard's, added: what drives a browser in its tests
#   bench       the programs that `make bench` compares with
# Versions and hashes come from requirements.lock and the lock that has an environment's name (`make lock`). Nothing but
# a Python is needed.
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

# Runs the commands of a function with their output in a log, and says what it does and how long that takes: a line that
# moves at a terminal, one in the end elsewhere.
step() {
    log=.local/setup-$2.log
    began=$(date +%s)
    (set -e; "install_$2") >"$log" 2>&1 &
    installing=$!
    trap 'kill "$installing" 2>/dev/null; printf "\n"; exit 130' INT TERM
    if [ -t 1 ]; then
        while kill -0 "$installing" 2>/dev/null; do
            # never wider than the terminal: what wraps could not be cleared
            printf '\r\033[K%.*s' "$(($(columns) - 1))" "  $1 ... $(($(date +%s) - began)) s"
            sleep 0.2 2>/dev/null || sleep 1
        done
        printf '\r\033[K'
    fi
    set +e
    wait "$installing"
    ended=$?
    set -e
    trap - INT TERM
    if [ "$ended" != 0 ]; then
        tail -n 15 "$log" >&2
        fail "Installing failed." "the whole log is $log; where the network failed, run the same command again."
    fi
    printf '  %s: %s s\n' "$1" "$(($(date +%s) - began))"
}

columns() {
    size=$(stty size 2>/dev/null </dev/tty) || size=
    width=${size##* }
    [ "${width:-0}" -gt 0 ] && printf '%s' "$width" || printf 80
}

locked() { # ENVIRONMENT LOCK ARGUMENT...: install what the arguments name, at the versions and hashes of a lock
    environment=$1 lock=$2
    shift 2
    .local/uv/bin/uv pip install --quiet --python "$environment/bin/python" --require-hashes --constraints "$lock" "$@"
}

new_environment() { # FOLDER ARGUMENT...
    folder_of_it=$1
    rm -rf "$1"
    shift
    "$python" -m venv "$@" "$folder_of_it" || {
        rm -rf "$folder_of_it"
        echo "$python cannot make environments. Debian, Ubuntu: apt-get install python3-venv"
        return 1
    }
}

# uv installs everything else, in a tenth of pip's time. It lies beside the environments and is fetched once, by the pip of
# the interpreter, which most have: making an environment with a pip of its own takes seconds.
need_uv() {
    grep '^uv==' requirements.lock >.local/uv.txt
    [ ! -x .local/uv/bin/uv ] || ! cmp -s .local/uv.txt .local/uv/made-of || return 0
    rm -rf .local/uv
    pip=$python
    if ! "$pip" -m pip --version >/dev/null 2>&1; then
        new_environment .local/venvs/pip
        pip=.local/venvs/pip/bin/python
    fi
    "$pip" -m pip install --quiet --disable-pip-version-check --no-warn-script-location --require-hashes \
        --target .local/uv -r .local/uv.txt
    rm -rf .local/venvs/pip
    cp .local/uv.txt .local/uv/made-of
}

install_main() {
    new_environment .venv --without-pip
    need_uv
    locked .venv requirements.lock -r pyproject.toml --group build
    # the project itself, by link; what builds it is locked too
    .local/uv/bin/uv pip install --quiet --python .venv/bin/python --no-deps --no-build-isolation --editable .
}

install_files() {
    locked .venv requirements.lock -r pyproject.toml --extra files
}

install_aws() {
    with_pip
    locked .venv requirements.lock -r pyproject.toml --extra aws --group deploy
}

install_dev() {
    with_pip
    locked .venv requirements.lock -r pyproject.toml --extra aws --extra files --group dev
}

with_pip() { # the layer's own build calls it
    .venv/bin/python -m ensurepip
}

install_localstack() {
    new_environment .local/venvs/localstack
    need_uv
    locked .local/venvs/localstack localstack.lock --group localstack
}

install_clients() {
    new_environment .local/venvs/clients
    need_uv
    locked .local/venvs/clients requirements.lock --group clients
}

install_nautilus() {
    new_environment .local/venvs/nautilus
    need_uv
    locked .local/venvs/nautilus nautilus.lock --group nautilus
}

install_dashboard() {
    new_environment .local/venvs/dashboard
    need_uv
    locked .local/venvs/dashboard dashboard.lock --group dashboard
}

install_browser() {
    locked .local/venvs/dashboard dashboard.lock --group dashboard-tests
}

install_bench() {
    new_environment .local/venvs/bench
    need_uv
    locked .local/venvs/bench requirements.lock --group bench
}

python=$(find_python)
mkdir -p .local/venvs
# uv does not read pip's configuration: an index of one's own counts for both
export UV_PYTHON_DOWNLOADS=never

# Installs an environment, or adds to one, unless that was done with the same interpreter, folder and requirements.
need() { # NAME WHAT FOLDER LOCK MARK
    recipe="$python $PWD $(cat pyproject.toml scripts/setup.sh "$4" | cksum)"
    if [ ! -x "$3/bin/python" ] || [ "$(cat "$3/$5" 2>/dev/null)" != "$recipe" ]; then
        if [ -z "${UV_DEFAULT_INDEX:-}" ] && index=$("$python" -m pip config get global.index-url 2>/dev/null); then
            export UV_DEFAULT_INDEX="$index"
        fi
        step "$2" "$1"
        printf '%s' "$recipe" >"$3/$5" # last: an installation that was stopped is not believed
    fi
}

for name in "$@"; do
    case $name in
        main) need main "installing the main environment with $("$python" -V)" .venv requirements.lock made-of ;;
        files | aws | dev)
            need main "installing the main environment with $("$python" -V)" .venv requirements.lock made-of
            # what dev adds holds what the others add
            [ "$name" = dev ] || [ "$(cat .venv/made-of-dev 2>/dev/null)" != "$recipe" ] || continue
            need "$name" "adding what $name needs" .venv requirements.lock "made-of-$name"
            ;;
        localstack) need "$name" "installing the $name environment with $("$python" -V)" .local/venvs/localstack localstack.lock made-of ;;
        nautilus) need "$name" "installing the $name environment with $("$python" -V)" .local/venvs/nautilus nautilus.lock made-of ;;
        clients | bench) need "$name" "installing the $name environment with $("$python" -V)" ".local/venvs/$name" requirements.lock made-of ;;
        dashboard | browser)
            folder=.local/venvs/dashboard
            need dashboard "installing the dashboard's environment with $("$python" -V)" "$folder" dashboard.lock made-of
            [ "$name" = dashboard ] || need browser "adding what its tests need" "$folder" dashboard.lock made-of-browser
            ;;
        *) fail "There is no environment $name." "main, files, aws, dev, localstack, dashboard, browser, clients, nautilus or bench." ;;
    esac
done
