#!/bin/sh
# Makes the secrets that docker-compose.yml asks for, in docker/secrets: docker/make-secrets.sh RECOVERY_PUBLIC_KEY.pem
#
# The recovery key pair is made elsewhere, because its private half must not be on this machine:
#   openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:4096 -aes-256-cbc -out recovery-private-key.pem
#   openssl pkey -in recovery-private-key.pem -pubout -out recovery-public-key.pem
set -eu
[ $# -eq 1 ] || { echo "usage: docker/make-secrets.sh RECOVERY_PUBLIC_KEY.pem" >&2; exit 2; }
openssl pkey -pubin -in "$1" -noout || { echo "make-secrets: $1 is no public key in PEM" >&2; exit 1; }
secrets=$(cd "$(dirname "$0")" && pwd)/secrets
# Secrets are bound into containers whose users are not this one, so the files can be read by all; the folder is closed.
mkdir -m 0700 "$secrets" || { echo "make-secrets: $secrets exists; nothing was changed" >&2; exit 1; }
umask 022

random() { od -An -N24 -tx1 /dev/urandom | tr -d ' \n'; }
password=$(random)
printf %s "$password" >"$secrets/postgres_password"
printf %s "postgres://strongroom:$password@postgres/strongroom" >"$secrets/database_url"
random >"$secrets/secret_access_key"
openssl pkey -pubin -in "$1" -out "$secrets/recovery_public_key.pem"
echo "The secrets are in $secrets. The access key id is STRONGROOMADMIN1, its secret is in secret_access_key."
