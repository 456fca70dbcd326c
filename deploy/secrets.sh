#!/bin/sh
# Makes up every secret that compose.yaml mounts, one file each; what is there already is left alone.
#
#   sh deploy/secrets.sh            into ./secrets
#   sh deploy/secrets.sh FOLDER     into another folder: name it in CASHBACK_SECRETS, too
#
# The folder is closed to everybody else. The files in it can be read by all, since a container reads them as another
# user. A DSN repeats its role's password: whoever changes one deletes both and runs this, `cashback migrate` and the
# processes again.
set -eu
umask 077
folder=${1:-secrets}
mkdir -p "$folder"
chmod 700 "$folder"

# put NAME VALUE
put() {
    if [ ! -e "$folder/$1" ]; then
        printf '%s' "$2" >"$folder/$1"
        chmod 444 "$folder/$1"
    fi
}

# A letter and 48 hexadecimal digits: safe in a URL, in SQL and in nats.conf, where a bare number would not be a string.
random() {
    printf 's%s' "$(od -An -N24 -tx1 /dev/urandom | tr -d ' \n')"
}

# dsn NAME ROLE DATABASE
dsn() {
    put "$1" "postgresql://$2:$(cat "$folder/$2_password")@postgres:5432/$3"
}

put api_key_pepper "$(random)"
# What the secrets of webhooks are sealed under: 32 bytes. How it is exchanged: docs/runbooks/webhooks.md.
put webhook_key "$(head -c 32 /dev/urandom | base64)"

put postgres_password "$(random)"
put admin_dsn "postgresql://postgres:$(cat "$folder/postgres_password")@postgres:5432/postgres"
for role in \
    cashback_owner cashback_api cashback_ledger cashback_relay cashback_auditor cashback_operator \
    cashback_webhooks \
    minting_owner minting_worker minting_relay minting_auditor minting_operator \
    chain_owner chain_adapter chain_auditor; do
    put "${role}_password" "$(random)"
done
dsn api_dsn cashback_api cashback
dsn ledger_dsn cashback_ledger cashback
dsn webhooks_dsn cashback_webhooks cashback
dsn relay_cashback_dsn cashback_relay cashback
dsn relay_minting_dsn minting_relay minting
dsn minting_dsn minting_worker minting
dsn chain_dsn chain_adapter chain
dsn ledger_audit_dsn cashback_auditor cashback
dsn ledger_operator_dsn cashback_operator cashback
dsn minting_audit_dsn minting_auditor minting
dsn minting_operator_dsn minting_operator minting
dsn chain_audit_dsn chain_auditor chain

for user in admin relay_cashback relay_minting worker_ledger worker_mint worker_webhooks; do
    put "nats_${user}_password" "$(random)"
done

# Certificates by which the adapter and its callers know each other, each named after its service and good for ten years.
# They are made together: the authority's key is thrown away with it, so nobody can add a caller later. Whoever wants
# another one, or new ones, deletes every *_tls_* file and runs this again.
if [ ! -e "$folder/adapter_tls_ca" ]; then
    command -v openssl >/dev/null || { echo "openssl is needed for certificates: apt-get install openssl" >&2; exit 1; }
    rm -f "$folder"/*_tls_*
    work=$(mktemp -d)
    trap 'rm -rf "$work"' EXIT
    key="-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -noenc"
    openssl req -x509 $key -days 3650 -subj "/CN=cashback adapter" -keyout "$work/ca.key" -out "$work/ca" 2>/dev/null
    for name in adapter api worker-ledger worker-mint operator; do
        file="$work/$(printf '%s' "$name" | tr - _)"
        printf 'subjectAltName=DNS:%s\n' "$name" >"$work/names"
        openssl req $key -subj "/CN=$name" -keyout "$file.key" -out "$work/request" 2>/dev/null
        openssl x509 -req -in "$work/request" -CA "$work/ca" -CAkey "$work/ca.key" -days 3650 -extfile "$work/names" \
            -out "$file.cert" 2>/dev/null
        put "${file##*/}_tls_cert" "$(cat "$file.cert")"
        put "${file##*/}_tls_key" "$(cat "$file.key")"
    done
    put adapter_tls_ca "$(cat "$work/ca")"
fi

# The chain's endpoints, comma-separated: a provider's key is in their path. This is the development chain.
put rpc_urls http://anvil:8545
# Where new heads are announced, beside the polling; empty for none.
put ws_urls ws://anvil:8545

# An operator's API key for those verbs that call the API, once `cashback keys create` has made one.
put api_key ''

# Empty on a development chain, which takes a mnemonic. Otherwise put keystore files (web3 secret storage, version 3) and
# their passwords in their place; the deployer's may be taken away once the contracts stand.
put adapter_keystore ''
put adapter_keystore_password ''
put deployer_keystore ''
put deployer_keystore_password ''
