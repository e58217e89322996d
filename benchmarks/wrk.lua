-- wrk sends requests with the values of a file in turn, in a header with a prefix, and prints the result as one line
-- of JSON.
local values, turn, header = {}, 0, nil

function init(arguments)
  header = arguments[2]
  for value in io.lines(arguments[1]) do values[#values + 1] = arguments[3] .. value end
end

function request()
  turn = turn % #values + 1
  return wrk.format("GET", nil, { [header] = values[turn] })
end

function done(summary, latency)
  local errors = summary.errors
  local failed = errors.connect + errors.read + errors.write + errors.status + errors.timeout
  io.write(string.format('\n{"requests": %d, "microseconds": %d, "failed": %d, "p50": %d, "p99": %d}\n',
    summary.requests, summary.duration, failed, latency:percentile(50), latency:percentile(99)))
end
