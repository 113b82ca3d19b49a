# shellcheck disable=SC2207 # one candidate a line
_evenkeel() {
    # Bash splits words at colons too, and the names of backends have some: the line is taken as it was typed.
    local line=${COMP_LINE:0:COMP_POINT} words IFS=$' \t'
    read -ra words <<<"$line"
    case $line in
    *[[:space:]]) words+=("") ;;
    esac
    local last=$((${#words[@]} - 1))
    local current=${words[last]}
    IFS=$'\n'
    COMPREPLY=($(COMPLETE=bash _CLAP_COMPLETE_INDEX=$last _CLAP_IFS=$'\n' evenkeel -- "${words[@]}" 2>/dev/null))
    # Options only where one begins.
    if [[ $current != -* ]]; then
        COMPREPLY=($(printf '%s\n' "${COMPREPLY[@]}" | grep -v '^-'))
    fi
    # What stands before the last colon is not part of the word for bash.
    local before=${current%"${current##*:}"}
    COMPREPLY=("${COMPREPLY[@]#"$before"}")
    # A directory or an option with a value goes on.
    if ((${#COMPREPLY[@]} == 1)) && [[ ${COMPREPLY[0]} == *[/=:] ]]; then
        compopt -o nospace
    fi
}
complete -F _evenkeel evenkeel
