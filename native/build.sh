#!/bin/sh
# Builds native/built/init-amd64 and init-arm64. With --check: builds them elsewhere and compares. A compiler of another
# version than the one that built them (native/built/compilers) may order instructions differently: told apart.
# Exit code: 0 the same, 1 different, 2 not compared (no such compiler here).
set -eu
cd "$(dirname "$0")"
out=built
[ "${1:-}" = --check ] && out=$(mktemp -d) && trap 'rm -rf "$out"' EXIT
flags='-std=gnu11 -Os -Wall -Wextra -Wno-missing-field-initializers -Werror -static -nostdlib -ffreestanding -fno-stack-protector -fno-pie -no-pie
  -fno-asynchronous-unwind-tables -fno-unwind-tables -fno-ident -fno-tree-loop-distribute-patterns -fcf-protection=none
  -mbranch-protection=none -fomit-frame-pointer -ffunction-sections -Wl,--gc-sections -Wl,--build-id=none
  -Wl,-z,noseparate-code -Wl,-z,max-page-size=65536 -Wl,-s'
status=0

build() { # build ARCH COMPILER WITHOUT
  arch=$1 cc=$2
  if ! command -v "$cc" >/dev/null; then echo "init-$arch: no $cc here" >&2; [ "$status" = 1 ] || status=2; return; fi
  version="$arch $("$cc" --version | head -n 1)"
  [ "$out" = built ] || grep -qxF "$version" built/compilers || {
    echo "init-$arch: not compared, this is $version" >&2; [ "$status" = 1 ] || status=2; return; }
  # shellcheck disable=SC2046,SC2086
  "$cc" $(echo $flags | sed "s/$3//") -o "$out/init-$arch" init.c exchange.c pty.c
  [ "$out" != built ] || { echo "$version" >>built/compilers; return; }
  cmp "$out/init-$arch" "built/init-$arch" && echo "init-$arch: the same ($version)" || status=1
}

[ "$out" != built ] || : >built/compilers
case $(uname -m) in aarch64) arm=gcc ;; *) arm=aarch64-linux-gnu-gcc ;; esac
case $(uname -m) in x86_64) amd=gcc ;; *) amd=x86_64-linux-gnu-gcc ;; esac
build amd64 "$amd" -mbranch-protection=none
build arm64 "$arm" -fcf-protection=none
exit "$status"
