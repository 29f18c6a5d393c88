-- Sends the requests of a file in turn, one in twenty with Connection: close.
-- Arguments: file (each request ends in a zero byte), number of threads.

local threads = 0

function setup(thread)
  thread:set("number", threads)
  threads = threads + 1
end

function init(args)
  local text = io.open(args[1], "rb"):read("*a")
  local share = tonumber(args[2])
  kept, closed, sent = {}, {}, number
  local at = 0
  for line in text:gmatch("([^%z]+)%z") do
    if at % share == number then
      kept[#kept + 1] = line
      closed[#closed + 1] = line:gsub("\r\n", "\r\nConnection: close\r\n", 1)
    end
    at = at + 1
  end
end

function request()
  sent = sent + 1
  local requests = sent % 20 == 0 and closed or kept
  return requests[sent % #requests + 1]
end

function done(summary, latency)
  local e = summary.errors
  io.write(string.format('\n{"requests": %d, "microseconds": %d, "p50": %d, "p99": %d, "errors": %d}\n',
    summary.requests, summary.duration, latency:percentile(50), latency:percentile(99),
    e.connect + e.read + e.write + e.status + e.timeout))
end
