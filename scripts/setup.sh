#!/bin/sh
# usage: setup.sh EXTRA...
#
# Makes .venv and installs the project into it with these extras of pyproject.toml, after the system
# packages that this needs: PyAudio is compiled against PortAudio on Linux and macOS, and the tests
# (extra dev) play through JACK's dummy sound card and look at pages in Chromium. Installs only what
# is missing and asks for no confirmation. PYTHON=python3.13 chooses an interpreter.
set -eu
cd "$(dirname "$0")/.."

main() {
    extras=$(echo "$*" | tr ' ' ',')
    python=$(supported_python)
    case $(uname -s) in
        Linux) install_missing_linux_packages ;;
        Darwin) install_missing_homebrew_packages ;;
        *) fail "this script knows Linux and macOS: on other systems install with pip," \
            "as docs/installing.md says." ;;
    esac
    make_environment
    install_project
    case ",$extras," in *,dev,*) tell_missing_browser ;; esac
}

say() {
    echo "setup: $*"
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
    fail "${PYTHON:-python3} is not Python 3.11, 3.12, 3.13 or 3.14:" \
        "install one of these, or name it with PYTHON=/path/to/python."
}

# Names the packages of Debian and Ubuntu for what is missing.
missing_linux_packages() {
    version=$("$python" -c 'import sys; print("python%d.%d" % sys.version_info[:2])')
    "$python" -c 'import ensurepip, venv' 2>/dev/null || echo "$version-venv"
    "$python" -c 'import os, sysconfig; os.stat(sysconfig.get_path("include") + "/Python.h")' \
        2>/dev/null || echo "$version-dev"
    command -v gcc >/dev/null || echo "gcc libc6-dev"
    # JACK 2's headers, because those of JACK 1 exclude the jackd2 that the tests need.
    [ -e /usr/include/portaudio.h ] || [ -e /usr/local/include/portaudio.h ] ||
        echo "portaudio19-dev libjack-jackd2-dev"
    case ",$extras," in *,dev,*) ;; *) return ;; esac
    command -v jackd >/dev/null || echo jackd2
    command -v g++ >/dev/null || echo g++ # faster-fifo has wheels for some machines and Pythons only
    has_browser || is_like_ubuntu || echo chromium
}

# Looks whether a browser works: Ubuntu's package chromium-browser is a program that only says that
# Chromium is a snap.
has_browser() {
    [ -d "/Applications/Google Chrome.app" ] && return
    for browser in chromium chromium-browser google-chrome google-chrome-stable; do
        "$browser" --version >/dev/null 2>&1 && return
    done
    return 1
}

# Tells Ubuntu and the systems that are made from it.
is_like_ubuntu() {
    grep -Eq '^ID(_LIKE)?=.*ubuntu' /etc/os-release 2>/dev/null
}

tell_missing_browser() {
    has_browser ||
        say "no Chromium or Chrome was found, so the tests of pages are skipped: install Google Chrome" \
            "(Ubuntu has Chromium as a snap only, which cannot read the tests' files)."
}

install_missing_linux_packages() {
    # shellcheck disable=SC2046 # one word a package
    set -- $(missing_linux_packages)
    [ $# -gt 0 ] || return 0
    command -v apt-get >/dev/null ||
        fail "apt-get was not found: install your system's counterpart of these Debian packages: $*."
    if [ "$(id -u)" = 0 ]; then
        as_root=env
    else
        command -v sudo >/dev/null || fail "as root, first run: apt-get install $*"
        as_root="sudo env"
    fi
    say "installing system packages: $*"
    quietly $as_root apt-get -q update
    quietly $as_root DEBIAN_FRONTEND=noninteractive \
        apt-get -q install --yes --no-install-recommends "$@"
}

install_missing_homebrew_packages() {
    command -v brew >/dev/null || fail "Homebrew is needed to install PortAudio: see https://brew.sh."
    [ -e "$(brew --prefix)/include/portaudio.h" ] && return
    say "installing portaudio with Homebrew"
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

make_environment() {
    .venv/bin/python -m pip --version >/dev/null 2>&1 && return
    say "making .venv with $("$python" --version)"
    rm -rf .venv
    "$python" -m venv .venv
    # It only saves time: the pip of Python 3.11 takes three times as long to choose versions.
    .venv/bin/python -m pip install --disable-pip-version-check --upgrade pip >/dev/null 2>&1 || :
}

install_project() {
    say "installing Python packages into .venv (extras: $extras); the first time takes a minute or two"
    rm -f pipeline/ears/kernel.c pipeline/ears/kernel.*.so # an old one would outlive a failed build
    log=$(mktemp)
    show_progress "$log" &
    progress=$!
    installed=yes
    .venv/bin/python -m pip install --disable-pip-version-check --no-compile \
        --editable ".[$extras]" >"$log" 2>&1 || installed=no
    kill "$progress" 2>/dev/null || :
    wait "$progress" 2>/dev/null || :
    [ ! -t 1 ] || printf '\r\033[K'
    [ "$installed" = yes ] || cat "$log" >&2
    rm -f "$log"
    [ "$installed" = yes ] || fail "pip could not install the packages: its own words are above."
    compile_modules
}

# Compiles with all processors, where pip uses one. A package may hold files that are not Python.
compile_modules() {
    .venv/bin/python -m compileall -q -j 0 .venv/lib pipeline >/dev/null 2>&1 || :
}

# Shows the latest step of pip on one line of a terminal, as long as this script lives.
show_progress() {
    [ -t 1 ] || return 0
    while kill -0 $$ 2>/dev/null; do
        step=$(grep -E '^ *(Collecting|Building|Installing)' "$1" | tail -n 1 | cut -c 1-70)
        printf '\r\033[K%s' "$step"
        sleep 0.5
    done
}

main "$@"
