# shellcheck shell=bash
# What the set-up commands share: packages, and builds outside the source tree. Sourced by bash scripts that have
# `top` set to the checkout.

# Debian packages that a build needs; A|B: either will do, A is what gets installed.
# shellcheck disable=SC2034 # used by those who source this
BUILD_PACKAGES=(gcc libc6-dev make autoconf automake 'pkg-config|pkgconf' libevent-dev
    'libcurl4-openssl-dev|libcurl4-gnutls-dev|libcurl4-nss-dev' libjson-c-dev libpcre2-dev libyaml-dev libsqlite3-dev
    libpq-dev libssl-dev libjemalloc-dev python3)

# Builds go below this folder.
builds=${CALLBACKD_BUILD:-$top/build}

say() { printf '%s\n' "$*"; }
complain() { printf '%s: %s\n' "${0##*/}" "$*" >&2; }

# missing_packages PKG...: those that are not installed, a line each.
missing_packages() {
    local installed wanted name all
    all=$(printf '%s\n' "$@" | tr '|' '\n')
    # shellcheck disable=SC2086 # a list of names
    installed=$(LC_ALL=C dpkg-query -W -f '${db:Status-Status} ${Package}\n' $all 2>/dev/null |
        sed -n 's/^installed //p')
    for wanted in "$@"; do
        for name in ${wanted//|/ }; do
            grep -qxF -- "$name" <<<"$installed" && continue 2
        done
        printf '%s\n' "${wanted%%|*}"
    done
}

# as_root COMMAND...: with dpkg's tools on the path, which `su` leaves away.
as_root() {
    local with=(env "PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin" DEBIAN_FRONTEND=noninteractive "$@")
    if [[ $(id -u) == 0 ]]; then
        "${with[@]}"
    else
        sudo -- "${with[@]}"
    fi
}

may_be_root() {
    [[ $(id -u) == 0 ]] && return
    command -v sudo >/dev/null || return
    # Without a terminal sudo cannot ask for a password.
    [[ -t 0 ]] || sudo -n true 2>/dev/null
}

# need_packages PKG...: installs what is missing. Silent if nothing is. Ends the script with 2 if it cannot.
need_packages() {
    local missing log status=0
    if ! command -v dpkg-query >/dev/null; then
        complain "no dpkg here: install what corresponds to these Debian packages yourself: ${*%%|*}"
        return 0
    fi
    read -ra missing <<<"$(missing_packages "$@" | tr '\n' ' ')"
    ((${#missing[@]})) || return 0
    if ! may_be_root; then
        complain "these packages are missing, and only root may install them. Run:"
        say "    apt-get update && apt-get install --no-install-recommends ${missing[*]}" >&2
        exit 2
    fi
    say "installing: ${missing[*]}"
    log=$(mktemp)
    as_root apt-get -o DPkg::Lock::Timeout=300 update </dev/null >"$log" 2>&1 ||
        complain "apt-get update had trouble; going on with the package lists that are there"
    as_root apt-get -o DPkg::Lock::Timeout=300 install -y --no-install-recommends "${missing[@]}" \
        </dev/null >>"$log" 2>&1 || status=$?
    if ((status)) || [[ -n $(missing_packages "${missing[@]}") ]]; then
        tail -n 30 "$log" | sed 's/^/    /' >&2
        rm -f "$log"
        complain "apt-get could not install: ${missing[*]} (its last words are above)"
        exit 2
    fi
    rm -f "$log"
}

# autoreconfigured: is `configure` there and no older than what it is made from?
autoreconfigured() {
    local file
    for file in configure Makefile.in config.h.in build-aux/install-sh build-aux/tap-driver.sh; do
        [[ -e $top/$file ]] || return
    done
    [[ ! $top/configure.ac -nt $top/configure ]]
}

# configured DIR FLAGS: was DIR configured to its end, with these flags, by this configure script?
configured() {
    [[ -e $1/Makefile && -e $1/.configured && $(<"$1/.configured") == "$2" && ! $top/configure -nt $1/.configured ]]
}

# quietly LOG COMMAND...: its output goes to the log; on failure the end of that is shown.
quietly() {
    local log=$1 status=0
    shift
    "$@" </dev/null >>"$log" 2>&1 || status=$?
    ((status)) || return 0
    grep -vE '^ *(CC|CCLD|AR|GEN) |modifier ignored since' "$log" | tail -n 60 | sed 's/^/    /' >&2
    complain "failed with status $status: $* (the whole log: $log)"
    return "$status"
}

# build DIR [FLAG...]: builds below $builds, out of tree; sets `built` to the folder. MAKE_GOALS: what to make, if not all.
build() {
    local name=$1 flags log goals
    shift
    flags="$*"
    built=$builds/$name
    mkdir -p "$built" || return
    built=$(cd "$built" && pwd) || return
    log=$built/build.log
    : >"$log" || return
    if [[ -e $top/config.status ]]; then
        complain "this checkout is configured in place, which stands in the way of other builds; run: make distclean"
        return 1
    fi
    if ! autoreconfigured; then
        quietly "$log" autoreconf -fi "$top" || return
    fi
    if ! configured "$built" "$flags"; then
        rm -f "$built/.configured"
        (cd "$built" && quietly "$log" "$top/configure" "$@") || return
        printf '%s\n' "$flags" >"$built/.configured"
    fi
    read -ra goals <<<"${MAKE_GOALS:-all}"
    quietly "$log" make -C "$built" "-j${JOBS:-$(nproc)}" "${goals[@]}"
}
