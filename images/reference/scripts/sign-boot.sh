#!/bin/sh
# Makes keys, and boot loaders and kernels that are signed by them or are not, inside a Debian tree with sbsign. /tmp is the build's work
# folder: the kernel lies in /tmp/vmlinuz, its release is the argument; what comes out are the folders /tmp/keys and /tmp/trees.
set -eu
kver=$1
umask 022
mkdir -p /tmp/keys /tmp/private /tmp/trees
key() { # of nobody else: made here, and the private ones go with this folder
  openssl req -x509 -newkey rsa:2048 -nodes -sha256 -days 36500 -subj "/CN=bootgate reference OS $1/" \
    -keyout "/tmp/private/$1.key" -out "/tmp/private/$1.crt" 2> /tmp/openssl.log || { cat /tmp/openssl.log >&2; exit 1; }
}
for name in PK KEK db foreign; do key $name; done
for name in PK KEK db; do cp "/tmp/private/$name.crt" "/tmp/keys/$name.crt"; done
sign() { sbsign --key "/tmp/private/$1.key" --cert "/tmp/private/$1.crt" --output "$3" "$2" 2> /dev/null; }

# GRUB with all that its static configuration uses, since a module of its own cannot be loaded under Secure Boot. Without a generation
# in .sbat shim starts nothing (rhboot/shim, SBAT.md).
grub=$(dpkg-query -W -f '${Version}' grub-efi-amd64-bin)
shim=$(dpkg-query -W -f '${Version}' shim-unsigned)
printf 'sbat,1,SBAT Version,sbat,1,https://github.com/rhboot/shim/blob/main/SBAT.md\ngrub,5,Free Software Foundation,grub,%s,https://www.gnu.org/software/grub/\n' \
  "$grub" > /tmp/sbat.csv
mods="part_gpt fat ext2 xfs btrfs search search_label search_fs_uuid configfile normal blsuki linux serial terminal test true echo ls cat reboot halt sleep \
 efi_gop all_video"
grub-mkimage -O x86_64-efi -p /EFI/debian --sbat /tmp/sbat.csv -o /tmp/grub.efi $mods
sign db /tmp/grub.efi /tmp/grub.signed
sign db /usr/lib/shim/shimx64.efi /tmp/shim.signed
sign foreign /usr/lib/shim/shimx64.efi /tmp/shim.foreign
cp /tmp/vmlinuz /tmp/vmlinuz.unsigned
sbattach --remove /tmp/vmlinuz.unsigned

tree() { # name shim grub
  efi=/tmp/trees/$1/usr/lib/efi
  mkdir -p "$efi/grub2/$grub/EFI/debian" "$efi/grub2/$grub/EFI/BOOT" "$efi/shim/$shim/EFI/debian" "$efi/shim/$shim/EFI/BOOT"
  : > "$efi/.wh..wh..opq" # GRUB without a shim, of the layer below, goes
  for folder in BOOT debian; do cp "$3" "$efi/grub2/$grub/EFI/$folder/grubx64.efi"; done
  cp "$2" "$efi/shim/$shim/EFI/BOOT/BOOTX64.EFI"
  cp "$2" "$efi/shim/$shim/EFI/debian/shimx64.efi"
}
tree signed /tmp/shim.signed /tmp/grub.signed
tree unsigned-grub /tmp/shim.signed /tmp/grub.efi
tree foreign-shim /tmp/shim.foreign /tmp/grub.signed
tree unsigned-kernel /tmp/shim.signed /tmp/grub.signed
mkdir -p "/tmp/trees/unsigned-kernel/usr/lib/modules/$kver"
cp /tmp/vmlinuz.unsigned "/tmp/trees/unsigned-kernel/usr/lib/modules/$kver/vmlinuz"
