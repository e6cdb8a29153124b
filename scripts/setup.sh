#!/bin/sh
# usage: setup.sh run|test
#
# Makes .venv and installs the project into it, after the system packages that this needs: PyAudio is
# compiled against PortAudio on Linux and macOS, and the tests play through JACK's dummy sound card.
# Installs only what is missing; asks for no confirmation; PYTHON=python3.13 chooses an interpreter.
set -eu
cd "$(dirname "$0")/.."

main() {
    purpose=$1
    python=$(supported_python)
    case $(uname -s) in
        Linux) install_missing_linux_packages ;;
        Darwin) install_missing_homebrew_packages ;;
        *) fail "this script knows Linux and macOS: on other systems install with pip, as in README.md." ;;
    esac
    install_project
}

fail() {
    echo "setup: $*" >&2
    exit 1
}

supported_python() {
    for candidate in ${PYTHON:-python3 python3.14 python3.13 python3.12 python3.11}; do
        if "$candidate" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 14))' \
            2>/dev/null; then
            echo "$candidate"
            return
        fi
    done
    fail "Python 3.11, 3.12, 3.13 or 3.14 is needed, and ${PYTHON:-python3} is none of them:" \
        "install one, or name it with PYTHON=/path/to/python."
}

# The names of Debian's and Ubuntu's packages for what is not there yet.
missing_linux_packages() {
    version=$("$python" -c 'import sys; print("python%d.%d" % sys.version_info[:2])')
    "$python" -c 'import ensurepip, venv' 2>/dev/null || echo "$version-venv"
    "$python" -c 'import os, sysconfig; os.stat(sysconfig.get_path("include") + "/Python.h")' \
        2>/dev/null || echo "$version-dev"
    command -v gcc >/dev/null || echo "gcc libc6-dev"
    # JACK 2's headers, because those of JACK 1 exclude the jackd2 that the tests need.
    [ -e /usr/include/portaudio.h ] || [ -e /usr/local/include/portaudio.h ] ||
        echo "portaudio19-dev libjack-jackd2-dev"
    [ "$purpose" = run ] && return
    command -v jackd >/dev/null || echo jackd2
    command -v g++ >/dev/null || echo g++ # faster-fifo has wheels for some machines and Pythons only
}

install_missing_linux_packages() {
    # shellcheck disable=SC2046 # one word a package
    set -- $(missing_linux_packages)
    [ $# -gt 0 ] || return 0
    command -v apt-get >/dev/null ||
        fail "apt-get is not here: install your system's counterpart of these Debian packages: $*."
    if [ "$(id -u)" = 0 ]; then
        as_root=env
    else
        command -v sudo >/dev/null || fail "as root, first run: apt-get install $*"
        as_root="sudo env"
    fi
    echo "setup: installing system packages: $*"
    quietly $as_root apt-get -q update
    quietly $as_root DEBIAN_FRONTEND=noninteractive \
        apt-get -q install --yes --no-install-recommends "$@"
}

install_missing_homebrew_packages() {
    command -v brew >/dev/null || fail "Homebrew is needed to install PortAudio: see https://brew.sh."
    [ -e "$(brew --prefix)/include/portaudio.h" ] && return
    echo "setup: installing portaudio with Homebrew"
    quietly brew install portaudio
}

# Shows what a command prints only if it fails.
quietly() {
    log=$(mktemp)
    if "$@" >"$log" 2>&1; then
        rm -f "$log"
    else
        cat "$log" >&2
        rm -f "$log"
        fail "this failed: $*"
    fi
}

install_project() {
    if ! .venv/bin/python -m pip --version >/dev/null 2>&1; then
        rm -rf .venv
        "$python" -m venv .venv
    fi
    extras=offline
    [ "$purpose" = run ] || extras=offline,dev
    echo "setup: installing Python packages into .venv (the first time takes a minute or two)"
    .venv/bin/python -m pip install --quiet --disable-pip-version-check --editable ".[$extras]"
}

main "$@"
