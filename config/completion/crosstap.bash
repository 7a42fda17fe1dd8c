# SPDX-License-Identifier: BSD-2-Clause
# Completion of crosstap for bash, made from the table of commands by `crosstap check --write-bash`.

_crosstap_words() {
	mapfile -t COMPREPLY < <(compgen -W "$1" -- "$2")
}

_crosstap_files() {
	mapfile -t COMPREPLY < <(compgen -f -- "$1")
	compopt -o filenames 2>/dev/null
}

_crosstap() {
	local command=${COMP_WORDS[1]} current=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]}

	COMPREPLY=()
	if [ "$COMP_CWORD" -eq 1 ]; then
		case $current in
		*[/.]*) _crosstap_files "$current" ;;
		*) _crosstap_words 'run replay check doctor detach top schema -h --help --version' "$current" ;;
		esac
		return
	fi
	case "$command $before" in
	'run -c' | 'run --config') _crosstap_files "$current" ;;
	'replay -c' | 'replay --config') _crosstap_files "$current" ;;
	'replay --input') : ;;
	'replay --pcap') _crosstap_files "$current" ;;
	'replay --queries') _crosstap_words 'frames responses' "$current" ;;
	'replay --points') _crosstap_files "$current" ;;
	'check -c' | 'check --config') _crosstap_files "$current" ;;
	'doctor -c' | 'doctor --config') _crosstap_files "$current" ;;
	'top --url') : ;;
	'top --token-file') _crosstap_files "$current" ;;
	'top --ca') _crosstap_files "$current" ;;
	'top --warning') : ;;
	'top --critical') : ;;
	*) _crosstap_more "$command" "$current" ;;
	esac
}

# An option, or an operand: of which command, and what of it is typed.
_crosstap_more() {
	case $1:$2 in
	run:-*) _crosstap_words '-c --config -h --help' "$2" ;;
	replay:-*) _crosstap_words '-c --config --input --pcap --queries --points --push --json -h --help' "$2" ;;
	replay:*) _crosstap_files "$2" ;;
	check:-*) _crosstap_words '-c --config --json --options --measurements -h --help' "$2" ;;
	doctor:-*) _crosstap_words '-c --config --json -h --help' "$2" ;;
	detach:-*) _crosstap_words '-h --help' "$2" ;;
	detach:*) _crosstap_words "$(command ls /sys/class/net 2>/dev/null)" "$2" ;;
	top:-*) _crosstap_words '--url --token-file --ca --once --json --warning --critical --health -h --help' "$2" ;;
	schema:-*) _crosstap_words '-h --help' "$2" ;;
	esac
}

complete -F _crosstap crosstap
