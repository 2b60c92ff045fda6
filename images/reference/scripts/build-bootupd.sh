#!/bin/sh
# Builds the real bootupd and what it installs, inside a Debian tree with cargo. /tmp is the build's work folder; the trees of
# the two versions that come out lie in /tmp/v1 and /tmp/v2. Upstream's own Makefile installs, so its units and static
# configuration come along as they are.
set -eu
version=$1 epoch=$2
export HOME=/root CARGO_HOME=/tmp/cargo
mkdir -p /tmp/cargo /tmp/src /tmp/v1
if [ -s /tmp/ca.pem ]; then export CARGO_HTTP_CAINFO=/tmp/ca.pem; fi

cargo install bootupd --version "=$version" --locked --root /tmp/built --target-dir /tmp/target
cp -r "$(echo /tmp/cargo/registry/src/*/bootupd-"$version")/." /tmp/src
strip -o /tmp/bootupd /tmp/built/bin/bootupd
mkdir -p /tmp/src/target/release
cp /tmp/bootupd /tmp/src/target/release/bootupd
make --silent -C /tmp/src DESTDIR=/tmp/v1 install install-grub-static install-systemd-unit
ln -sf ../libexec/bootupd /tmp/v1/usr/bin/bootupctl # the Makefile's link leads out of the folder
rm -f /tmp/v1/usr/lib/bootupd/grub2-static/configs.d/README.md
# Debian's GRUB looks for entries in /loader/entries alone; Fedora's also below /boot.
cat > /tmp/v1/usr/lib/bootupd/grub2-static/configs.d/10_blscfg.cfg <<'CFG'
blscfg --path ($root)/boot/loader/entries
CFG
cat > /tmp/v1/usr/lib/bootupd/grub2-static/configs.d/02_reference_serial.cfg <<'CFG'
serial --unit=0 --speed=115200
if [ "$grub_platform" = pc ]; then
  terminal_input console serial
  terminal_output console serial
fi
CFG
mkdir -p /tmp/v1/usr/lib/systemd/system/multi-user.target.wants
ln -s ../bootloader-update.service /tmp/v1/usr/lib/systemd/system/multi-user.target.wants/bootloader-update.service

# bootupd calls GRUB's programs by Fedora's names, and gives BIOS installations the module mdraid1x.
mkdir -p /tmp/v1/usr/sbin /tmp/v1/usr/lib/grub/i386-pc
ln -s grub-install /tmp/v1/usr/sbin/grub2-install
ln -s grub-editenv /tmp/v1/usr/bin/grub2-editenv
cp /usr/lib/grub/i386-pc/*.mod /usr/lib/grub/i386-pc/*.lst /usr/lib/grub/i386-pc/*.img /tmp/v1/usr/lib/grub/i386-pc/
cp /usr/lib/grub/i386-pc/modinfo.sh /tmp/v1/usr/lib/grub/i386-pc/

# The payload as Fedora has it since release 44: /usr/lib/efi/<package>/<version>/EFI. The shim is Debian's, without a signature.
grub=$(dpkg-query -W -f '${Version}' grub-efi-amd64-bin)
shim=$(dpkg-query -W -f '${Version}' shim-unsigned)
mods="part_gpt part_msdos fat ext2 xfs btrfs search search_label search_fs_uuid configfile normal blsuki linux serial terminal \
 test true echo ls cat reboot halt sleep loadenv minicmd efi_gop all_video regexp"
payload() {
  mkdir -p "$1"
  : > "$1/.wh..wh..opq" # GRUB without a shim, of the layer below, goes
  mkdir -p "$1/grub2/$2/EFI/debian" "$1/shim/$shim/EFI/BOOT" "$1/shim/$shim/EFI/debian"
  grub-mkimage -O x86_64-efi -p /EFI/debian -o "$1/grub2/$2/EFI/debian/grubx64.efi" $mods $3
  cp /usr/lib/shim/shimx64.efi "$1/shim/$shim/EFI/BOOT/BOOTX64.EFI"
  cp /usr/lib/shim/shimx64.efi "$1/shim/$shim/EFI/debian/shimx64.efi"
  cp /usr/lib/shim/fbx64.efi "$1/shim/$shim/EFI/BOOT/fbx64.efi"
  cp /usr/lib/shim/BOOTX64.CSV "$1/shim/$shim/EFI/debian/BOOTX64.CSV"
}
# Its own generator writes the metadata, which works on the running root only.
metadata() {
  rm -rf /usr/lib/efi /usr/lib/bootupd
  cp -r "$1/usr/lib/efi" /usr/lib/efi
  rm "/usr/lib/efi/.wh..wh..opq"
  SOURCE_DATE_EPOCH=$2 /tmp/v1/usr/bin/bootupctl backend generate-update-metadata /
  mkdir -p "$1/usr/lib/bootupd/updates"
  cp /usr/lib/bootupd/updates/EFI.json "$1/usr/lib/bootupd/updates/EFI.json"
  # It asks the rpm database for the version of grub2-install, which Debian does not have.
  printf '{"timestamp":"%s","version":"grub2-%s","versions":[{"name":"grub2","rpm_evr":"%s"}]}' \
    "$(date -u -d "@$2" +%Y-%m-%dT%H:%M:%SZ)" "$3" "$3" > "$1/usr/lib/bootupd/updates/BIOS.json"
}
cp -r /tmp/v1 /tmp/v2
payload /tmp/v1/usr/lib/efi "$grub" ""
metadata /tmp/v1 "$epoch" "$grub"
# The update: another build of the same GRUB with one more command.
payload /tmp/v2/usr/lib/efi "$grub+update1" "hello"
metadata /tmp/v2 "$((epoch + 31 * 86400))" "$grub+update1"
rm -rf /tmp/target /tmp/src /tmp/cargo /tmp/built /tmp/bootupd
