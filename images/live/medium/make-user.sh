#!/bin/sh
# Makes the user of the live session, as livesys-scripts does on Fedora's live media: a home of its own and an empty password.
set -eu
id liveuser > /dev/null 2>&1 || useradd --create-home --comment "Live System User" --shell /bin/bash liveuser
passwd --delete liveuser > /dev/null
