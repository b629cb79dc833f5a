#!/bin/sh
# After the files are gone. What was configured and what is in the outbox stays, until it is purged.
set -e
case "$1" in
remove | purge | 0)
	rm -f /etc/systemd/system/multi-user.target.wants/tillpost.service
	if [ -d /run/systemd/system ]; then systemctl --system daemon-reload >/dev/null 2>&1 || true; fi ;;
esac
if [ "$1" = purge ]; then
	rm -rf /var/lib/tillpost /etc/tillpost /etc/systemd/system/tillpost.service.d
	if getent passwd tillpost >/dev/null; then userdel tillpost || true; fi
	if getent group tillpost >/dev/null; then groupdel tillpost || true; fi
fi
exit 0
