#!/bin/sh
# Becomes one of three servers: what nats.cluster.conf reads beside the users' passwords, and then nats.sh. Each server is
# named in NATS_SERVER_NAME; all three stand in NATS_SERVERS, a host and a port each.
set -eu
NATS_SYSTEM_PASSWORD=$(cat /run/secrets/nats_system_password)
NATS_ROUTES_PASSWORD=$(cat /run/secrets/nats_routes_password)
export NATS_SERVER_NAME NATS_SYSTEM_PASSWORD NATS_ROUTES_PASSWORD
number=0
for server in $NATS_SERVERS; do
    number=$((number + 1))
    # In quotes, for NATS reads a variable as it would read the file.
    export "NATS_ROUTE_$number=\"tls://cashback:$NATS_ROUTES_PASSWORD@$server\""
done
exec sh /etc/nats/nats.sh /etc/nats/nats.cluster.conf
