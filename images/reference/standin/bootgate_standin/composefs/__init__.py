"""bootc's composefs backend (bootc-dev/bootc, `crates/lib/src/bootc_composefs`), done with Linux's own EROFS, overlayfs and fs-verity."""
