#!/bin/sh
# Prints the path of an interpreter that this project can be built with: $PYTHON if it is set, else the one that .venv was
# built with, else the first that really runs (a pyenv shim may exist and fail) and is 3.11 or newer.

probe='import sys; sys.version_info >= (3, 11) or sys.exit(1); print(getattr(sys, "_base_executable", sys.executable))'

if [ -n "$PYTHON" ]; then
    "$PYTHON" -c "$probe" 2>/dev/null && exit 0
    echo "PYTHON=$PYTHON does not run, or is older than Python 3.11." >&2
    exit 1
fi

for candidate in .venv/bin/python python3.13 python3.12 python3.11 python3 python; do
    "$candidate" -c "$probe" 2>/dev/null && exit 0
done

cat >&2 <<'REMEDY'
No Python 3.11 or newer was found (tried python3.13, python3.12, python3.11, python3).
  Remedy: install one (Debian, Ubuntu: apt-get install python3 python3-venv; macOS: brew install python@3.13;
  pyenv: pyenv install 3.13), or name one that is not on PATH: make PYTHON=/path/to/python3.13 ...
REMEDY
exit 1
