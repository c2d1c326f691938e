#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# clang-tidy finds nothing in src/ by the rules in .clang-tidy, which are for version 14. Not in meson.build: it needs a
# build of clang's, and takes most of a minute. .ci/run runs it.
#
# usage: test/table/tidy.sh [FILE…]     default: all of src/
#
# BUILD  the build folder (default build-dev): meson setup build-dev --native-file build-dev.ini
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

build=${BUILD:-build-dev}
tool=$(command -v run-clang-tidy-14 || command -v run-clang-tidy) || tool=''
echo 1..1
[[ $tool ]] || { echo "not ok 1 - clang-tidy is not installed: apt-get install clang-tidy"; exit 1; }
[[ -f $build/compile_commands.json ]] || { echo "not ok 1 - $build is not set up"; exit 1; }
version=$("${tool/run-clang-tidy/clang-tidy}" --version | sed -n 's/.*version \([0-9]*\)\..*/\1/p')
[[ $version == 14 ]] || { echo "ok 1 # SKIP this is clang-tidy $version, whose rules are others"; exit; }

(($# > 0)) || set -- 'src/(shared|nspawn)/'
if findings=$("$tool" -quiet -p "$build" "$@" 2>/dev/null); then
    echo "ok 1 - $*"
else
    sed 's/\x1b\[[0-9;]*m//g' <<<"$findings" | grep -A3 'error:' | sed 's/^/# /'
    echo "not ok 1 - $*"
    exit 1
fi
