# The root of bootc's composefs backend, under the name of bootc's own module (bootc-dev/bootc, crates/initramfs).
check() { return 0; }
depends() { echo systemd-initrd; }
installkernel() { hostonly='' instmods erofs overlay loop efivarfs; }
install() {
  inst_multiple fsverity mount umount mountpoint mkdir ln
  inst_simple /usr/lib/bootc/initramfs-setup
  inst_simple "$moddir/bootc-root-setup.service" /usr/lib/systemd/system/bootc-root-setup.service
  $SYSTEMCTL -q --root "$initdir" add-wants initrd-root-fs.target bootc-root-setup.service
}
