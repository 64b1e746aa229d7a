#!/bin/sh
# Stands in for `host` where the harness itself is tested: understands the
# options that the harness passes, and keeps a cluster in a folder beside the
# data directories.
command=$1
shift
data=$GREENROOM_DATA_DIR
while [ $# -gt 0 ]; do
    case $1 in
    --name) name=$2 && shift ;;
    --data-dir) data=$2 && shift ;;
    --listen) listen=$2 && shift ;;
    --join) join=$2 && shift ;;
    --control) control=$2 && shift ;;
    esac
    shift
done
members=$(dirname "$data")/members

give_up() {
    echo "error: $1" >&2
    exit 3
}

start() {
    mkdir -p "$data" "$members"
    if [ -n "$join" ]; then
        [ "$GREENROOM_TOKEN" = GR1stand-in ] || give_up "the token is wrong"
    elif [ -f "$data/member" ]; then
        : returns
    elif [ -z "$(ls "$members")" ]; then
        token=',"token":"GR1stand-in"'
    else
        give_up "$data is no member of a cluster"
    fi
    echo "$control" >"$data/member"
    echo $$ >"$members/$name"
    trap 'rm "$members/$name"; exit 0' TERM
    echo "node $name starts" >&2
    echo "{\"event\":\"ready\",\"node\":\"n$$\",\"name\":\"$name\",\"cluster\":\"7f\",\"address\":\"$listen\"$token}"
    while :; do sleep 0.02; done
}

status() {
    for member in "$members"/*; do
        state=silent
        if [ -r "/proc/$(cat "$member")/stat" ]; then
            case $(cut -d ' ' -f 3 "/proc/$(cat "$member")/stat") in
            T | Z) ;;
            *) state=alive ;;
            esac
        fi
        echo "{\"name\":\"$(basename "$member")\",\"state\":\"$state\"}"
    done
}

case $command in
start) start ;;
status) status ;;
*) give_up "there is no command $command" ;;
esac
