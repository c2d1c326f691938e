#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# The C sources are as clang-format leaves them, by the rules in .clang-format, which are for version 14. Tables that
# read better by hand stand between "clang-format off" and "on". .ci/run runs it.
#
# usage: test/table/format.sh [FILE…]     default: all
#        test/table/format.sh --fix       changes what is not
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

tool=$(command -v clang-format-14 || command -v clang-format) || tool=''
[[ ${1:-} != --fix ]] || { find src test -name '*.[ch]' -exec "${tool:?clang-format is not installed}" -i {} +; exit; }
echo 1..1
[[ $tool ]] || { echo "not ok 1 - clang-format is not installed: apt-get install clang-format"; exit 1; }
version=$("$tool" --version | sed -n 's/.*version \([0-9]*\)\..*/\1/p')
[[ $version == 14 ]] || { echo "ok 1 # SKIP this is clang-format $version, which has rules of its own"; exit; }

(($# > 0)) || mapfile -t files < <(find src test -name '*.[ch]' | sort)
(($# == 0)) || files=("$@")
if "$tool" --dry-run -Werror "${files[@]}" 2>/dev/null; then
    echo "ok 1 - clang-format: ${#files[@]} files"
else
    "$tool" --dry-run -Werror "${files[@]}" 2>&1 | sed -n 's/: error: .*//p' | sed 's/^/# /'
    echo "not ok 1 - clang-format: test/table/format.sh --fix"
    exit 1
fi
