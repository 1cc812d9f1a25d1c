#!/bin/sh
# Write requirements/*.txt anew: exact versions and hashes for every interpreter and platform that we support.
# Names, versions and hashes only: where packages come from is the business of the machine that installs them.
set -eu
cd "$(dirname "$0")/.."

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
"${PYTHON:-python3}" -m venv "$scratch/venv"
"$scratch/venv/bin/pip" install --quiet --disable-pip-version-check uv
unset PIP_FIND_LINKS PIP_INDEX_URL PIP_EXTRA_INDEX_URL # one machine's own packages must not get into the lock

lock() { # lock FILE OPTION...
    file=$1
    shift
    "$scratch/venv/bin/uv" pip compile --no-config --quiet --universal --python-version 3.11 --generate-hashes \
        --no-annotate --no-header --group demo "$@" pyproject.toml -o "$scratch/$file"
    grep -Ev '^--(index|extra-index|find-links|trusted-host)' "$scratch/$file" >"requirements/$file"
    echo "requirements/$file: $(grep -c == "requirements/$file") packages"
}

lock dev.txt --all-extras
lock demo.txt --extra flask --extra starlette
