# shellcheck shell=bash
# What quickstart and run-tests share: steps with progress, and failures that say cause and fix.
# Sourced; expects LOG (a file) to be set before the first step.

if [ -t 1 ]; then TTY=true BOLD=$'\e[1m' DIM=$'\e[2m' RED=$'\e[31m' RESET=$'\e[0m'
else TTY=false BOLD='' DIM='' RED='' RESET=''; fi

say() { printf '%s\n' "$*"; }

# die CAUSE FIX
die() {
    printf '\n%scause:%s %s\n%sfix:%s   %s\n' "$RED$BOLD" "$RESET" "$1" "$BOLD" "$RESET" "$2" >&2
    exit 1
}

# step TITLE FIX COMMAND…: runs it with its output in LOG, shows the seconds going by, and on
# failure the last lines of the output, the cause and FIX. The command may be a shell function.
step() {
    local title=$1 fix=$2 started=$SECONDS pid status=0 told=0
    shift 2
    printf -- '--- %s\n' "$title" >>"$LOG"
    local mark
    mark=$(wc -l <"$LOG")
    "$@" >>"$LOG" 2>&1 &
    pid=$!
    while kill -0 "$pid" 2>/dev/null; do
        if $TTY; then
            printf '\r  %-46s %s%4d s%s' "$title" "$DIM" $((SECONDS - started)) "$RESET"
        elif [ $((SECONDS - started - told)) -ge 20 ]; then
            told=$((SECONDS - started))
            printf '  %-46s … %d s: %s\n' "$title" "$told" "$(tail -n 1 "$LOG" | cut -c1-80)"
        fi
        sleep 0.2
    done
    wait "$pid" || status=$?
    if [ "$status" -ne 0 ]; then
        $TTY && printf '\r'
        printf '  %-46s %sfailed%s\n' "$title" "$RED" "$RESET"
        tail -n "+$((mark + 1))" "$LOG" | tail -n 15 | sed 's/^/    /' >&2
        die "$title: $(tail -n "+$((mark + 1))" "$LOG" | grep . | tail -n 1 | cut -c1-300) (exit status $status; whole output: $LOG)" "$fix"
    fi
    $TTY && printf '\r'
    printf '  %-46s %sdone, %d s%s\n' "$title" "$DIM" $((SECONDS - started)) "$RESET"
}

# wait_for SECONDS WHAT COMMAND…: polls until the command succeeds.
wait_for() {
    local deadline=$((SECONDS + $1)) what=$2
    shift 2
    until "$@" >/dev/null 2>&1; do
        [ "$SECONDS" -lt "$deadline" ] || { echo "gave up waiting for $what" >&2; return 1; }
        sleep 0.1
    done
}

has_systemd() { [ -d /run/systemd/system ]; }

# Configure (once) and build targets of a preset: build_preset PRESET TARGET…
build_preset() {
    local preset=$1
    shift
    [ -f "$ROOT/build/$preset/build.ninja" ] || (cd "$ROOT" && cmake --preset "$preset")
    cmake --build "$ROOT/build/$preset" --target "$@"
}

# /dev/kvm as a distribution's udev rule has it. Only where no udev runs: libvirt 9 drops its
# capability cache at every start of a domain otherwise (4 s each). Remembers what it was.
mend_dev_kvm() {
    [ -c /dev/kvm ] && ! [ -d /run/udev/data ] && getent group kvm >/dev/null || return 0
    [ "$(stat -c '%G %a' /dev/kvm)" = 'kvm 660' ] && return 0
    [ -n "${1:-}" ] && stat -c '%G %a' /dev/kvm >"$1"
    chgrp kvm /dev/kvm && chmod 660 /dev/kvm
}
