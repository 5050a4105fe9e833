# Completion of flightspan's commands, options and files for bash.

_flightspan()
{
	local word=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]}
	local commands="config convert dump queue run stats version help" options=

	COMPREPLY=()
	if [ "$COMP_CWORD" -eq 1 ]; then
		mapfile -t COMPREPLY < <(compgen -W "$commands --help --version" -- "$word")
		return
	fi
	case ${COMP_WORDS[1]} in
	convert)
		case $previous in
		--format)
			mapfile -t COMPREPLY < <(compgen -W "otlp-json otlp-proto" -- "$word")
			return
			;;
		--protocol)
			mapfile -t COMPREPLY < <(compgen -W "http/protobuf http/json grpc" -- "$word")
			return
			;;
		--compression)
			mapfile -t COMPREPLY < <(compgen -W "gzip none zstd" -- "$word")
			return
			;;
		--endpoint)
			mapfile -t COMPREPLY < <(compgen -W "http://localhost:4318" -- "$word")
			return
			;;
		esac
		options="-c --config -o --output --format --endpoint --protocol --compression --retry-for --again --metrics --strict -q --quiet --help"
		;;
	queue)
		if [ "$COMP_CWORD" -eq 2 ]; then
			mapfile -t COMPREPLY < <(compgen -W "list retry purge --help" -- "$word")
			return
		fi
		options="-c --config --exporter --all --queued --help"
		;;
	config)
		if [ "$COMP_CWORD" -eq 2 ]; then
			mapfile -t COMPREPLY < <(compgen -W "check print schema reference --help" -- "$word")
			return
		fi
		options="--help"
		;;
	run) options="-c --config --help" ;;
	dump) options="--wire --salvage --help" ;;
	stats) options="--json --help" ;;
	help)
		mapfile -t COMPREPLY < <(compgen -W "$commands" -- "$word")
		return
		;;
	esac
	if [[ $word == -* ]]; then
		mapfile -t COMPREPLY < <(compgen -W "$options" -- "$word")
	fi
}

# Where the function says nothing, file names are completed.
complete -o default -F _flightspan flightspan
