#!/bin/sh
# pick-new.sh BASE FROM TO PATTERN…: copies the files and links that the folder FROM has below usr and BASE does not, but for
# the paths that a pattern of sh fits. TO is there already.
set -eu
base=$1 from=$2 to=$3
shift 3
cd "$from"
find usr ! -type d | LC_ALL=C sort | while IFS= read -r path; do
  for pattern; do
    # shellcheck disable=SC2254 # the patterns are meant as such
    case $path in $pattern) continue 2 ;; esac
  done
  if [ ! -e "$base/$path" ] && [ ! -L "$base/$path" ]; then cp -d --preserve=mode --parents "$path" "$to"; fi
done
