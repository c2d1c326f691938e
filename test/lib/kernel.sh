# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash
#
# Debian's kernels, taken out of their packages without being installed.

# kernel_download RELEASE FLAVOUR DIRECTORY: the release's newest kernel of that kind (cloud-amd64 is the smallest), its
# /boot and its modules without those for hardware that nobody emulates, into a directory that exists. It needs root, and
# the archive's keys (debian-archive-keyring).
kernel_download() {
    local release=$1 flavour=$2 target=$3 state=$3/.apt package hardware
    local -a without=()
    for hardware in gpu hid iio infiniband media net/can net/ethernet net/usb net/wireless scsi staging; do
        without+=("--exclude=*/kernel/drivers/$hardware/*")
    done
    # An apt of its own, so that a computer with another Debian gets this release's kernel too
    mkdir -p "$state"/{lists/partial,archives/partial}
    echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] ${NSPAWN_MIRROR:-http://deb.debian.org/debian} $release main" \
        >"$state/sources.list"
    : >"$state/status"
    local -a apt=(-q -o "Dir::State=$state" -o "Dir::State::status=$state/status" -o "Dir::Cache=$state"
        -o "Dir::Etc::sourcelist=$state/sources.list" -o Dir::Etc::sourceparts=/dev/null
        -o Acquire::Languages=none -o APT::Sandbox::User=root -o APT::Architecture=amd64)
    apt-get "${apt[@]}" update >&2
    package=$(apt-cache "${apt[@]}" depends "linux-image-$flavour" | sed -n 's/.*Depends: \(linux-image-[0-9][^ ]*\)$/\1/p')
    [[ $package ]] || { echo "linux-image-$flavour of $release names no kernel" >&2; return 1; }
    (cd "$state" && apt-get "${apt[@]}" download "$package" >&2)
    dpkg-deb --fsys-tarfile "$state"/linux-image-*.deb |
        tar -x --keep-directory-symlink -C "$target" --wildcards "${without[@]}" --exclude='*/kernel/sound/*' \
            './boot/vmlinuz-*' '*/lib/modules/*'
    rm -rf "$state"
}
