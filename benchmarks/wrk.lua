-- wrk sends requests with the tokens of a file in turn, and prints the result as one line of JSON.
local tokens, turn = {}, 0

function init(arguments)
  for raw in io.lines(arguments[1]) do tokens[#tokens + 1] = raw end
end

function request()
  turn = turn % #tokens + 1
  return wrk.format("GET", nil, { Authorization = "Bearer " .. tokens[turn] })
end

function done(summary, latency)
  local errors = summary.errors
  local failed = errors.connect + errors.read + errors.write + errors.status + errors.timeout
  io.write(string.format('\n{"requests": %d, "microseconds": %d, "failed": %d, "p50": %d, "p99": %d}\n',
    summary.requests, summary.duration, failed, latency:percentile(50), latency:percentile(99)))
end
