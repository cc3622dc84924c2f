# Completion of `woad` for bash: the commands and options are those that the helps list.
_woad() {
    local current=${COMP_WORDS[COMP_CWORD]} program=${COMP_WORDS[0]}
    COMPREPLY=()
    if [ "$COMP_CWORD" -eq 1 ]; then
        mapfile -t COMPREPLY < <(compgen -W "$("$program" --help 2>/dev/null |
            sed -n 's/^  \([a-z0-9]*\) .*/\1/p') --help --version" -- "$current")
    elif [[ $current == -* ]]; then
        mapfile -t COMPREPLY < <(compgen -W "$("$program" "${COMP_WORDS[1]}" --help 2>/dev/null |
            sed -n 's/^  \(--[a-z-]*\).*/\1/p') --help" -- "$current")
    elif [ "${COMP_WORDS[1]}" = serve ]; then
        mapfile -t COMPREPLY < <(compgen -W "heart-rate battery beacon uart hid-keyboard bench" -- "$current")
    elif [ "${COMP_WORDS[1]}" = gatt ] && [ "$COMP_CWORD" -ge 3 ]; then
        mapfile -t COMPREPLY < <(compgen -W "tree read write subscribe shell" -- "$current")
    else
        mapfile -t COMPREPLY < <(compgen -f -- "$current")
    fi
}
complete -o filenames -F _woad woad
