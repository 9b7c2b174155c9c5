# shellcheck shell=bash
# Quickstart's services: transient systemd units where there is systemd, else runit (runsvdir
# below tini, which reaps orphans at once: libvirt waits for QEMU's zombies otherwise).
# Sourced; expects SERVICES and LOGS.

# service_define NAME COMMAND…: says what to run; a change takes effect at the next start.
service_define() {
    local name=$1 dir=$SERVICES/$1 run
    shift
    mkdir -p "$dir/log" "$LOGS/$name"
    run=$(printf '#!/bin/sh\nexec 2>&1\nexec'; printf ' %q' "$@"; printf '\n')
    if [ "$(cat "$dir/run" 2>/dev/null)" != "$run" ]; then
        [ -e "$dir/run" ] || touch "$dir/down"
        printf '%s\n' "$run" >"$dir/run.new"
        chmod 0755 "$dir/run.new"
        mv "$dir/run.new" "$dir/run"
        touch "$dir/changed"
    fi
    # Ten files of 1 MB each at most.
    printf 's1000000\nn10\n' >"$LOGS/$name/config"
    printf '#!/bin/sh\nexec svlogd -tt %q\n' "$LOGS/$name" >"$dir/log/run"
    chmod 0755 "$dir/log/run"
}

service_names() { if [ -d "$SERVICES" ]; then ls "$SERVICES"; fi; }

supervisor_pid() {
    local pid
    pid=$(cat "$PADDOCK_HOME/supervisor.pid" 2>/dev/null) || return 1
    [ -n "$pid" ] && grep -qz runsvdir "/proc/$pid/cmdline" 2>/dev/null || return 1
    echo "$pid"
}

supervisor_start() {
    mkdir -p "$SERVICES"
    has_systemd && return 0
    supervisor_pid >/dev/null && return 0
    # After a crash or reboot runit's pipes and locks are stale; runsv makes them anew.
    local name
    for name in $(service_names); do touch "$SERVICES/$name/down"; done
    setsid tini -s -- runsvdir -P "$SERVICES" </dev/null >>"$LOGS/supervisor.log" 2>&1 &
    echo $! >"$PADDOCK_HOME/supervisor.pid"
    wait_for 5 'the supervisor' supervisor_pid
}

service_is_up() {
    if has_systemd; then
        systemctl -q is-active "paddock-$1"
    else
        supervisor_pid >/dev/null 2>&1 && sv status "$SERVICES/$1" 2>/dev/null | grep -q '^run:'
    fi
}

# What a running service was started from; another digest means that it must restart.
service_digest() {
    local program
    program=$(grep -o "$BIN/[a-z-]*" "$SERVICES/$1/run" | head -n 1 || true)
    # Not every service has a configuration of its own.
    { cat "$SERVICES/$1/run" ${program:+"$program"} "$ETC/$1.yaml" 2>/dev/null || true; } | sha256sum
}

service_start() {
    local name=$1 dir=$SERVICES/$1 digest
    digest=$(service_digest "$name")
    if service_is_up "$name"; then
        [ "$digest" = "$(cat "$dir/started" 2>/dev/null)" ] && return 0
        service_stop "$name"
    fi
    if has_systemd; then
        systemctl reset-failed "paddock-$name" 2>/dev/null || true
        systemd-run --quiet --unit="paddock-$name" --collect --property=Restart=always \
            --property=RestartSec=1 --property=KillMode=mixed --property=LimitNOFILE=65536 \
            --property="KillSignal=$(service_stop_signal "$name")" \
            --property="StandardOutput=append:$LOGS/$name/current" \
            --property="StandardError=append:$LOGS/$name/current" "$dir/run"
    else
        wait_for 10 "runsv of $name" test -p "$dir/supervise/control"
        rm -f "$dir/down"
        sv -w 20 start "$dir"
    fi
    rm -f "$dir/changed"
    printf '%s\n' "$digest" >"$dir/started"
}

# PostgreSQL's fast shutdown is SIGINT; all others end at SIGTERM.
service_stop_signal() { if [ "$1" = postgres ]; then echo SIGINT; else echo SIGTERM; fi; }

service_stop() {
    if has_systemd; then
        systemctl stop "paddock-$1" 2>/dev/null || true
    elif supervisor_pid >/dev/null; then
        touch "$SERVICES/$1/down"
        if [ "$(service_stop_signal "$1")" = SIGINT ]; then sv interrupt "$SERVICES/$1"; fi
        sv -w 30 stop "$SERVICES/$1"
    fi
}

services_stop() {
    local name pid
    for name in hostd coordinator postgres libvirtd virtlogd; do
        [ -d "$SERVICES/$name" ] && service_is_up "$name" && service_stop "$name"
    done
    if pid=$(supervisor_pid); then
        # tini passes it on; runsvdir answers by ending every runsv, with its logger.
        kill -HUP "$pid"
        wait_for 15 'the supervisor to end' supervisor_gone "$pid"
        rm -f "$PADDOCK_HOME/supervisor.pid"
    fi
}

supervisor_gone() { ! kill -0 "$1" 2>/dev/null; }


services_logs() {
    local name files=()
    for name in ${1:-$(service_names)}; do
        [ -f "$LOGS/$name/current" ] || die "there is no log of a service '$name'" \
            "choose one of: $(service_names | tr '\n' ' ')"
        files+=("$LOGS/$name/current")
    done
    [ ${#files[@]} -gt 0 ] || die "nothing has been started below $PADDOCK_HOME" 'run: sudo ./quickstart'
    exec tail -n 40 -F "${files[@]}"
}
