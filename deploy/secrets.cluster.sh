#!/bin/sh
# Makes up what compose.cluster.yaml mounts beside the secrets of secrets.sh; what is there already is left alone.
#
#   sh deploy/secrets.cluster.sh            into ./secrets
#   sh deploy/secrets.cluster.sh FOLDER     into another folder
#
# An authority of the broker's own, a certificate for its servers and one for each process that comes to it, good for ten
# years; the authority's key is thrown away. Whoever wants new ones deletes every broker_* file and runs this again.
set -eu
umask 077
folder=${1:-secrets}
sh "$(dirname "$0")/secrets.sh" "$folder"

# put NAME VALUE
put() {
    if [ ! -e "$folder/$1" ]; then
        printf '%s' "$2" >"$folder/$1"
        chmod 444 "$folder/$1"
    fi
}

for secret in nats_system_password nats_routes_password; do
    put "$secret" "s$(od -An -N24 -tx1 /dev/urandom | tr -d ' \n')"
done

if [ ! -e "$folder/broker_ca" ]; then
    rm -f "$folder"/broker_*
    work=$(mktemp -d)
    trap 'rm -rf "$work"' EXIT
    key="-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -noenc"
    openssl req -x509 $key -days 3650 -subj "/CN=cashback broker" -keyout "$work/ca.key" -out "$work/ca" 2>/dev/null

    # sign FILE NAME NAMES
    sign() {
        printf 'subjectAltName=%s\n' "$3" >"$work/names"
        openssl req $key -subj "/CN=$2" -keyout "$work/key" -out "$work/request" 2>/dev/null
        openssl x509 -req -in "$work/request" -CA "$work/ca" -CAkey "$work/ca.key" -days 3650 \
            -extfile "$work/names" -out "$work/cert" 2>/dev/null
        put "$1_cert" "$(cat "$work/cert")"
        put "$1_key" "$(cat "$work/key")"
    }

    sign broker nats DNS:nats,DNS:nats-2,DNS:nats-3
    for name in relay-cashback relay-minting worker-ledger worker-mint worker-webhooks operator; do
        sign "broker_$(printf '%s' "$name" | tr - _)" "$name" "DNS:$name"
    done
    put broker_ca "$(cat "$work/ca")"
fi
