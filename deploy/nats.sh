#!/bin/sh
# Becomes nats-server with the passwords of the mounted secrets in its environment, where nats.users.conf reads them. The
# configuration is nats.conf, or the one that is named.
set -eu
for user in ADMIN RELAY_CASHBACK RELAY_MINTING WORKER_LEDGER WORKER_MINT WORKER_WEBHOOKS; do
    file=/run/secrets/nats_$(echo "$user" | tr '[:upper:]' '[:lower:]')_password
    export "NATS_${user}_PASSWORD=$(cat "$file")"
done
exec nats-server --config "${1:-/etc/nats/nats.conf}"
