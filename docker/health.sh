#!/bin/bash
# Succeeds if the server in this container can serve: token, database and lease work. Needs nothing but bash.
set -eu
exec 3<>/dev/tcp/127.0.0.1/8080
printf 'GET /health/ready HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n' >&3
read -r -t 4 _version status _rest <&3
[ "$status" = 200 ]
