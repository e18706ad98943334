# Sourced by the scripts that work in a clean Debian root: made by debootstrap
# from the mirrors that this machine's apt has, and entered by chroot in mount and
# process namespaces of their own, so that nothing started there is left.
# shellcheck shell=bash disable=SC2016,SC2086
package_here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root_cache=${XDG_CACHE_HOME:-${HOME:-/root}/.cache}/libevent-aio

# Says why there can be no root here, or nothing.
root_hindrance() {
	local name
	if [ "$(id -u)" -ne 0 ]; then
		echo "only root can make a root"
		return
	fi
	for name in debootstrap unshare setpriv chroot; do
		if ! command -v "$name" >/dev/null; then
			echo "there is no $name"
			return
		fi
	done
	unshare -m -p -f --mount-proc true 2>/dev/null ||
		echo "this container allows no mount namespace"
}

# enter PREFIX ROOT COMMAND...: as root, for ROOT_SECONDS at most, with a command
# in front that may change what the whole of it sees. It does not outlive who has
# called it.
enter() {
	local prefix=$1
	shift
	setpriv --pdeathsig KILL timeout -s KILL "${ROOT_SECONDS:-300}" \
		setpriv --pdeathsig KILL $prefix unshare -m -p -f --kill-child sh -c '
		root=$1
		shift
		mount --bind "$root" "$root" # else no namespace could be made in it
		mount -t proc proc "$root/proc"
		mount --rbind /dev "$root/dev"
		exec chroot "$root" /usr/bin/env -i TERM=xterm LC_ALL=C.UTF-8 \
			HOME=/root DEBIAN_FRONTEND=noninteractive \
			PATH=/usr/sbin:/usr/bin:/sbin:/bin "$@"' \
		enter "$@" </dev/null
}

in_root() {
	enter "" "$@"
}

# With loopback alone, where all ports are free.
in_root_alone() {
	enter "$package_here/alone.py" "$@"
}

root_apt() {
	local root=$1
	shift
	in_root "$root" apt-get -q -y -o Acquire::Retries=3 "$@"
}

# What apt in there needs of the machine: mirrors, proxies, names. No package may
# start a service.
root_configure() {
	local root=$1 codename=$2
	rm -f "$root/etc/apt/sources.list"
	"$package_here/../upstream/apt-sources" deb \
		"$root/etc/apt/sources.list.d" || return
	apt-config dump | grep -Ei '^acquire::[a-z]*::(proxy|timeout)' \
		>"$root/etc/apt/apt.conf.d/90machine" || :
	rm -f "$root/etc/resolv.conf"
	cp -L /etc/resolv.conf /etc/hosts "$root/etc/" 2>/dev/null || :
	printf '#!/bin/sh\nexit 101\n' >"$root/usr/sbin/policy-rc.d"
	chmod 755 "$root/usr/sbin/policy-rc.d"
}

# The mirror that serves the release itself.
root_mirror() {
	local codename=$1 work
	work=$(mktemp -d)
	"$package_here/../upstream/apt-sources" deb "$work" &&
		apt-get -q indextargets -o Dir::Etc::sourcelist="$work/own.list" \
			-o Dir::Etc::sourceparts="$work" \
			--format '$(RELEASE) $(REPO_URI)' 2>/dev/null |
		awk -v c="$codename" '$1 == c || $1 ~ /^(old)*stable$/ { print $2; exit }'
	rm -rf "$work"
}

# root_bare ROOT: Debian's smallest, with an up to date apt and nothing else. The
# mirror is asked for it once; then it comes from a file.
root_bare() {
	local root=$1 codename archive mirror include=
	# shellcheck disable=SC1091
	codename=$(. /etc/os-release && echo "$VERSION_CODENAME")
	archive=$root_cache/root-$codename-$(dpkg --print-architecture).tar
	mkdir -p "$root_cache" "$root"
	if [ -f "$archive" ]; then
		tar -xf "$archive" -C "$root" --numeric-owner || return
	else
		mirror=$(root_mirror "$codename")
		[ -n "$mirror" ] || {
			echo "apt has no mirror of $codename"
			return 1
		}
		case $mirror in
		https:*) include=--include=ca-certificates ;;
		esac
		debootstrap --variant=minbase $include "$codename" "$root" \
			"$mirror" >>"$root.log" 2>&1 </dev/null || {
			tail -n 20 "$root.log"
			return 1
		}
		rm -rf "$root"/var/cache/apt/archives/*.deb \
			"$root"/var/log/bootstrap.log
		tar -cf "$archive.$$" -C "$root" --one-file-system --numeric-owner . &&
			mv "$archive.$$" "$archive" || return
	fi
	root_configure "$root" "$codename" && root_apt "$root" update
}
