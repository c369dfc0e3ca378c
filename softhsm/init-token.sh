#!/bin/sh
# Makes a SoftHSM token by hand (also in the container): init-token.sh DIR [LABEL]
#
# Writes under DIR what `strongroom dev` writes, so that either can go on with the folder of the other: token/ (the token),
# token.made (marker), token.pin, token.so-pin, softhsm2.conf and token.env (to source). A token that was made before is
# never made again: where the marker is there and the token is not, this fails, because a new one would hide the loss.
set -eu
umask 077

fail() { echo "init-token: $*" >&2; exit 1; }

[ $# -ge 1 ] && [ $# -le 2 ] || fail "usage: init-token.sh DIR [LABEL]"
label=${2:-strongroom}
here=$(cd "$(dirname "$0")" && pwd)
mkdir -p "$1"
dir=$(cd "$1" && pwd -P)
case $dir in *'#'* | *'|'* | *'&'* | *\\*) fail "SoftHSM cannot keep a token under $dir" ;; esac
case $label in *"'"* | '') fail "the label must not be empty and must not hold a quote" ;; esac
command -v softhsm2-util >/dev/null || fail "softhsm2-util was not found: install the package softhsm2"

module=${PKCS11_MODULE:-}
for candidate in /usr/lib/softhsm/libsofthsm2.so /usr/lib64/softhsm/libsofthsm2.so \
    /usr/local/lib/softhsm/libsofthsm2.so /usr/lib/*/softhsm/libsofthsm2.so; do
    if [ -z "$module" ] && [ -f "$candidate" ]; then module=$candidate; fi
done
[ -f "$module" ] || fail "libsofthsm2.so was not found: install the package softhsm2 or set PKCS11_MODULE"

# Writes its input to DIR/$1 by a rename, so that a reader sees the old or the new file.
write() { cat >"$dir/$1.new" && mv "$dir/$1.new" "$dir/$1"; }
random_pin() { od -An -N24 -tx1 /dev/urandom | tr -d ' \n'; }
configure() { sed "s|@TOKENDIR@|$1|" "$here/softhsm2.conf.in" | write softhsm2.conf; }
holds_a_token() { [ -n "$(find "$dir/token" -mindepth 1 -maxdepth 1 -type d 2>/dev/null | head -n 1)" ]; }

if [ -f "$dir/token.made" ]; then
    [ "$(cat "$dir/token.made")" = "$label" ] || fail "$dir holds a token with the label $(cat "$dir/token.made")"
    holds_a_token || fail "the token under $dir/token is missing; restore it"
else
    if [ ! -d "$dir/token" ]; then
        rm -rf "$dir/token.new"
        mkdir "$dir/token.new"
        random_pin | write token.pin
        random_pin | write token.so-pin
        configure "$dir/token.new"
        # The PINs are on the command line for a moment; they open nothing without the folder, which is closed to others.
        SOFTHSM2_CONF=$dir/softhsm2.conf softhsm2-util --init-token --free --label "$label" \
            --pin "$(cat "$dir/token.pin")" --so-pin "$(cat "$dir/token.so-pin")" >/dev/null
        mv "$dir/token.new" "$dir/token"
    fi
    holds_a_token || fail "the token under $dir/token is missing; restore it"
    printf '%s' "$label" | write token.made
fi

configure "$dir/token"
write token.env <<ENV
export SOFTHSM2_CONF='$(printf %s "$dir" | sed "s/'/'\\\\''/g")/softhsm2.conf'
export PKCS11_MODULE='$module'
export TOKEN_LABEL='$label'
export PIN='$(cat "$dir/token.pin")'
ENV
echo "The token is ready; for PKCS#11 tools: . '$dir/token.env'"
