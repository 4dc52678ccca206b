#!/usr/bin/env bash
# Installs what the tests talk to, where it is missing: SIPp, baresip, linphone, twinkle, Kamailio, Net::SIP, sipsak,
# SIPVicious, faketime, espeak-ng, sox, tshark, promtool, systemd-analyze, and a Python environment with gRPC in .venv. Says nothing when all is there.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

say() { echo "setup-test: $*" >&2; }
fail() { say "$*"; exit 1; }

# Each command with the Debian package that brings it.
packages=()
want() { command -v "$1" >/dev/null 2>&1 || packages+=("$2"); }
want sipp sip-tester
want baresip baresip
want linphonec linphone-cli
want kamailio kamailio
want espeak-ng espeak-ng
want sox sox
want tshark tshark
want sipsak sipsak
want svcrack sipvicious
want faketime faketime
want promtool prometheus
want systemd-analyze systemd
want twinkle-console twinkle-console
want python3 python3
perl -MNet::SIP -e1 >/dev/null 2>&1 || packages+=(libnet-sip-perl)
python3 -c 'import venv, ensurepip' >/dev/null 2>&1 || packages+=(python3-venv)

if ((${#packages[@]})); then
  list="${packages[*]}"
  command -v apt-get >/dev/null 2>&1 ||
    fail "missing: $list (Debian names), and there is no apt-get: install them with this system's package manager"
  if [ "$(id -u)" = 0 ]; then
    as_root=()
  elif command -v sudo >/dev/null 2>&1; then
    as_root=(sudo)
  else
    fail "missing: $list: run 'apt-get install $list' as root, or install sudo"
  fi
  say "installing $list"
  log=$(mktemp)
  trap 'rm -f "$log"' EXIT
  install() {
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
      apt-get install -y --no-install-recommends "${packages[@]}" >"$log" 2>&1
  }
  # The package lists of a fresh machine are empty or old: fetch them only when the first try fails.
  if ! install; then
    "${as_root[@]}" apt-get update >"$log" 2>&1 || { tail -n 5 "$log" >&2; fail "apt-get update failed: is there a network?"; }
    install || { tail -n 5 "$log" >&2; fail "apt-get could not install $list: install them by hand"; }
  fi
fi

python=.venv/bin/python
wanted='import grpc, grpc_tools.protoc, google.protobuf'
if ! "$python" -c "$wanted" >/dev/null 2>&1; then
  say "installing grpcio-tools into .venv"
  rm -rf .venv
  python3 -m venv .venv || fail "python3 -m venv failed: install python3-venv"
  .venv/bin/pip install --quiet --disable-pip-version-check grpcio-tools ||
    fail "pip could not install grpcio-tools: is there a network, or a pip mirror to set with PIP_INDEX_URL?"
  "$python" -c "$wanted" || fail "grpcio-tools is installed and does not load: remove .venv and run this again"
fi
