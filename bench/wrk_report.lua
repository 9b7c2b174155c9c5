-- One line of JSON at the end of wrk's report. `bytes` are heads and bodies, as they came.
function done(summary, latency, requests)
    local errors = summary.errors
    io.write(string.format('{"requests": %.0f, "bytes": %.0f, "us": %.0f, "p50_us": %.0f, "p99_us": %.0f, "errors": ' ..
        '{"connect": %.0f, "read": %.0f, "write": %.0f, "status": %.0f, "timeout": %.0f}}\n',
        summary.requests, summary.bytes, summary.duration, latency:percentile(50), latency:percentile(99),
        errors.connect, errors.read, errors.write, errors.status, errors.timeout))
end
