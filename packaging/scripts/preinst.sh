#!/bin/sh
# Before anything is replaced: refuses an older version over a newer one, and makes the service's user.
set -e
NEW='@VERSION@'

refuse() { # refuse OLD
	cat >&2 <<END
tillpost: version $NEW is older than $1, which was installed last and may have
written the outbox in a way that $NEW can not read. Nothing was changed.
Install $1 or a newer version.
END
	exit 1
}

case "$1" in
install | upgrade) # deb; the second word is the version that is, or was, installed
	if [ -n "$2" ] && dpkg --compare-versions "$2" gt "$NEW@RELEASE@"; then refuse "${2%-*}"; fi ;;
2) # rpm, an upgrade
	old=$(tillpost version 2>/dev/null | sed -n 's/^tillpost \([^ ]*\) .*/\1/p')
	# sort takes a ~ for less than nothing, as a release candidate is less than its release.
	newest=$(printf '%s\n' "$old" "$NEW" | tr - '~' | sort -V | tail -n 1 | tr '~' -)
	if [ -n "$old" ] && [ "$old" != "$NEW" ] && [ "$newest" = "$old" ]; then refuse "$old"; fi ;;
1) ;;
*) exit 0 ;;
esac

nologin=/usr/sbin/nologin
[ -x "$nologin" ] || nologin=/bin/false
if ! getent group tillpost >/dev/null; then groupadd --system tillpost; fi
if ! getent passwd tillpost >/dev/null; then
	useradd --system --gid tillpost --home-dir /var/lib/tillpost --no-create-home --shell "$nologin" --comment tillpost tillpost
fi
exit 0
