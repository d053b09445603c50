#!/bin/sh
# Run a command at fixed times, one at a time: schedule.sh COMMAND [ARGUMENT...]; the health check asks schedule.sh --healthy
#
# SCHEDULE_EVERY_S   seconds between two starts, counted from midnight UTC: 3600 is every full hour, 86400 every midnight
# SCHEDULE_OFFSET_S  seconds after that: 10800 with 86400 is every day at 03:00 UTC
# SCHEDULE_LONGEST_S what takes longer is called unhealthy; it is not stopped
# SCHEDULE_NOTE      the file in which the loop says until when it must have moved on, and how the last run ended
#
# A start that is due while a run is still going is left out, and said so: two runs never overlap. Starts that were missed
# while the container was down are not made up for. The exit status 1 of `tidegate run` means that the gate is closed, which
# people are told of as an incident: only another one (2: it could not run) makes the container unhealthy.
set -eu

every=${SCHEDULE_EVERY_S:-3600}
offset=${SCHEDULE_OFFSET_S:-0}
longest=${SCHEDULE_LONGEST_S:-7200}
note=${SCHEDULE_NOTE:-/tmp/schedule}
slack=60

for number in "$every" "$offset" "$longest"; do
    case $number in
        '' | *[!0-9]*)
            echo "schedule: \`$number\` is not a whole number of seconds" >&2
            exit 2
            ;;
    esac
done
if [ "$every" -eq 0 ] || [ $# -eq 0 ]; then
    echo "schedule: a command, and more than 0 for SCHEDULE_EVERY_S, are needed" >&2
    exit 2
fi

if [ "$1" = --healthy ]; then
    until=0 status=none
    if [ -r "$note" ]; then read -r until status <"$note"; fi
    if [ "$(date +%s)" -gt "$until" ]; then
        echo "the loop has not moved on since second $until" >&2
        exit 1
    fi
    case $status in
        none | 0 | 1) exit 0 ;;
    esac
    echo "the last run ended with $status" >&2
    exit 1
fi

say() {
    echo "schedule: $(date -u +%Y-%m-%dT%H:%M:%SZ) $*" >&2
}

# A new file each time, so that the health check never reads half a line.
write_note() {
    echo "$1 $2" >"$note.new"
    mv "$note.new" "$note"
}

child=
stop() {
    say "stopping"
    if [ -n "$child" ]; then
        kill -TERM "$child" 2>/dev/null || true
        wait "$child" || true
    fi
    exit 143
}
trap stop TERM INT

# Seconds from midnight UTC of 1970, which is where `date` counts from, to the first start that is later than $1.
next_after() {
    echo $((($1 - offset) / every * every + every + offset))
}

status=none
due=$(next_after "$(date +%s)")
while :; do
    now=$(date +%s)
    if [ "$due" -gt "$now" ]; then
        write_note $((due + slack)) "$status"
        sleep $((due - now)) &
        child=$!
        wait "$child"
        child=
    fi
    write_note $(($(date +%s) + longest)) "$status"
    say "start: $*"
    "$@" &
    child=$!
    status=0
    wait "$child" || status=$?
    child=
    say "ended with $status"
    now=$(date +%s)
    following=$(next_after "$due")
    due=$(next_after "$now")
    if [ "$due" -gt "$following" ]; then
        say "left out $(((due - following) / every)) start(s) that were due meanwhile"
    fi
done
