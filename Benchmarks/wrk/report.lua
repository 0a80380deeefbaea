-- What wrk measured, as one JSON object.
function done(summary, latency, requests)
  local errors = summary.errors
  print(string.format('{"per_second":%.1f,"p50_ms":%.3f,"p99_ms":%.3f,"failed":%d}',
    summary.requests / summary.duration * 1e6, latency:percentile(50) / 1e3, latency:percentile(99) / 1e3,
    errors.connect + errors.read + errors.write + errors.timeout + errors.status))
end
