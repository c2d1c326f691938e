#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# The C sources are as clang-format leaves them, by the rules in .clang-format. Not in meson.build yet: the sources as
# they are differ in places.
#
# usage: test/table/format.sh [FILE…]     default: all
#        test/table/format.sh --diff      what would change
#
# CLANG_FORMAT  the program, of version 14 (default clang-format-14, else clang-format)
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

tool=${CLANG_FORMAT:-$(command -v clang-format-14 || command -v clang-format)} || tool=''
[[ $tool ]] || { echo "1..1"; echo "not ok 1 - clang-format is not installed: apt-get install clang-format"; exit 1; }

diff=''
[[ ${1:-} != --diff ]] || { diff=1; shift; }
(($# > 0)) || mapfile -t files < <(find src test -name '*.[ch]' | sort)
(($# == 0)) || files=("$@")

if [[ $diff ]]; then
    for file in "${files[@]}"; do
        "$tool" "$file" | diff -u --label "$file" --label "$file, formatted" "$file" - || true
    done
    exit
fi

n=0 failed=0
for file in "${files[@]}"; do
    n=$((n + 1))
    if "$tool" --dry-run -Werror "$file" 2>/dev/null; then
        echo "ok $n - $file"
    else
        echo "not ok $n - $file: $tool -i $file"
        failed=1
    fi
done
echo "1..$n"
exit $failed
