#!/bin/sh
# After the files are there: their owners, and a restart where the service ran. It is never enabled or started here:
# "tillpost init" does that, once there is a configuration.
set -e

restart() {
	[ -d /run/systemd/system ] || return 0
	systemctl --system daemon-reload >/dev/null 2>&1 || true
	[ "$1" = upgrade ] || return 0
	if command -v deb-systemd-invoke >/dev/null; then
		deb-systemd-invoke try-restart tillpost.service >/dev/null || true
	else
		systemctl try-restart tillpost.service || true
	fi
}

own() { # own PATH OWNER MODE: unless the administrator has decided otherwise
	[ -e "$1" ] || return 0
	if command -v dpkg-statoverride >/dev/null && dpkg-statoverride --list "$1" >/dev/null; then return 0; fi
	chown "$2" "$1"
	chmod "$3" "$1"
}

case "$1" in
configure) # deb; the second word is the version before, if there was one
	own /etc/tillpost root:tillpost 0750
	own /etc/tillpost/tillpost.toml root:tillpost 0640
	own /var/lib/tillpost tillpost:tillpost 0700
	if [ -n "$2" ]; then restart upgrade; else restart install; fi
	if ! grep -q '^[[:space:]]*base_url' /etc/tillpost/tillpost.toml 2>/dev/null; then
		echo "tillpost is installed, but not set up yet: run  sudo tillpost init"
	fi ;;
abort-upgrade | abort-remove | abort-deconfigure) ;;
1) restart install ;; # rpm
2) restart upgrade ;;
esac
exit 0
