#!/bin/sh
# Before the files go. In an upgrade the service runs on until the new files are there.
set -e
case "$1" in
remove | deconfigure | 0)
	if [ -d /run/systemd/system ]; then
		if command -v deb-systemd-invoke >/dev/null; then
			deb-systemd-invoke stop tillpost.service >/dev/null || true
		else
			systemctl stop tillpost.service || true
		fi
	fi ;;
esac
exit 0
