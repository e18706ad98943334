# Completion of libevent-aio(1) for bash. -*- shell-script -*-

# Processes: with NAME only those that keep counters.
_libevent_aio_pids() {
	if [ "${1-}" = stats ]; then
		"${COMP_WORDS[0]}" stats 2>/dev/null |
			while read -r pid _; do echo "$pid"; done
	else
		local dir
		for dir in /proc/[0-9]*; do echo "${dir#/proc/}"; done
	fi
}

_libevent_aio_reply() {
	local IFS=$'\n'
	# shellcheck disable=SC2207
	COMPREPLY=($(compgen "$@" -- "$cur"))
}

# What takes a value: its candidates; 1 if the word before takes none.
_libevent_aio_value() {
	case $prev in
	-p | --policy)
		_libevent_aio_reply -W $'adaptive\nalways\nnever'
		;;
	--root)
		compopt -o filenames 2>/dev/null
		_libevent_aio_reply -d
		;;
	--ldconfig)
		compopt -o filenames 2>/dev/null
		_libevent_aio_reply -f
		;;
	-n | --count)
		COMPREPLY=()
		;;
	*)
		return 1
		;;
	esac
}

# Index of the COMMAND of run, or of where it goes.
_libevent_aio_command_at() {
	local i
	for ((i = 2; i < COMP_CWORD; i++)); do
		case ${COMP_WORDS[i]} in
		-p | --policy) ((i++)) ;;
		--)
			((i++))
			break
			;;
		-*) ;;
		*) break ;;
		esac
	done
	echo "$i"
}

_libevent_aio_run() {
	local at
	at=$(_libevent_aio_command_at)
	if [ "$COMP_CWORD" -gt "$at" ]; then
		# The command's own completion, if bash-completion is there.
		if declare -F _command_offset >/dev/null; then
			_command_offset "$at"
		else
			compopt -o filenames 2>/dev/null
			_libevent_aio_reply -f
		fi
	elif [[ $cur == -* && ${COMP_WORDS[at - 1]} != -- ]]; then
		_libevent_aio_reply \
			-W $'--policy\n--stats\n--verbose\n--help\n--version'
	else
		compopt -o filenames 2>/dev/null
		_libevent_aio_reply -c -f
	fi
}

_libevent_aio_word() {
	case ${COMP_WORDS[1]} in
	run)
		_libevent_aio_run
		;;
	doctor)
		if [[ $cur == -* ]]; then
			_libevent_aio_reply -W $'--json\n--help\n--version'
		elif [[ $cur == [0-9]* ]]; then
			_libevent_aio_reply -W "$(_libevent_aio_pids)"
		else
			compopt -o filenames 2>/dev/null
			_libevent_aio_reply -c -f
		fi
		;;
	stats)
		if [[ $cur == -* ]]; then
			_libevent_aio_reply \
				-W $'--watch\n--count\n--json\n--help\n--version'
		else
			_libevent_aio_reply -W "$(_libevent_aio_pids stats)"
		fi
		;;
	system)
		if [[ $cur == -* ]]; then
			_libevent_aio_reply \
				-W $'--root\n--ldconfig\n--json\n--help\n--version'
		else
			_libevent_aio_reply -W $'on\noff\nstatus'
		fi
		;;
	esac
}

_libevent_aio() {
	local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]}

	COMPREPLY=()
	if [ "$COMP_CWORD" -eq 1 ]; then
		_libevent_aio_reply \
			-W $'run\ndoctor\nstats\nsystem\n--help\n--version'
	elif [ "${COMP_WORDS[1]}" = run ] &&
		[ "$COMP_CWORD" -gt "$(_libevent_aio_command_at)" ]; then
		_libevent_aio_run # what follows COMMAND is its own
	elif ! _libevent_aio_value; then
		_libevent_aio_word
	fi
}

complete -F _libevent_aio libevent-aio
