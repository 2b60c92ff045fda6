#!/bin/sh
# Runs inside the base tree, whose dnf5 installs packages into folders of their own: install-packages.sh REPOSITORY [PACKAGE…], the packages beside those that all have.
# OUT/v1 has what `RUN dnf install` in a Containerfile would bring: files, the package database and the state of dnf5.
# OUT/v2 is the same after an upgrade, a downgrade, a swap and a removal. OUT/changeable has what stories of layered packages have
# removed and replaced. The database is where Fedora has it.
set -eu
repository=$1
shift
export HOME=/tmp/home
mkdir -p "$HOME/.config/rpm" /tmp/packages
echo '%_dbpath /usr/lib/sysimage/rpm' > "$HOME/.rpmmacros"
cp "$HOME/.rpmmacros" "$HOME/.config/rpm/macros"

dnf() {
  root=$1
  shift
  dnf5 --quiet --assumeyes --installroot="/tmp/packages/$root" --use-host-config --no-gpgchecks \
    --repofrompath=reference,"file://$repository" --repo=reference "$@"
}

dnf v1 install reference-base reference-app-1 reference-lib-2 reference-old reference-extra "$@"
cp -a /tmp/packages/v1 /tmp/packages/v2
dnf v2 upgrade reference-app
dnf v2 downgrade reference-lib
dnf v2 swap reference-old reference-new
dnf v2 remove reference-extra
dnf changeable install reference-base bootgate-lib-1 bootgate-tool-1
for root in v1 v2 changeable; do
  rm -rf "/tmp/packages/$root/var"
  mkdir -p "/tmp/packages/$root/usr/lib/rpm/macros.d" "/tmp/packages/$root/etc"
  cp "$HOME/.rpmmacros" "/tmp/packages/$root/usr/lib/rpm/macros.d/macros.reference"
done
