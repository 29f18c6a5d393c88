-- Turns refresh tokens over: each request presents what the last answer to the same login gave.
-- One connection per thread, so that a login is never asked twice at once; one request in twenty closes it.
-- Arguments: file (head, zero byte, token, zero byte, and so on), number of threads, the body's key, the pattern of the new token.

local threads = {}

function setup(thread)
  thread:set("number", #threads)
  threads[#threads + 1] = thread
end

function init(args)
  local text = io.open(args[1], "rb"):read("*a")
  local share = tonumber(args[2])
  key, pattern = args[3], args[4]
  heads, tokens, at, sent, failed = {}, {}, 0, number, 0
  local line = 0
  for head, token in text:gmatch("([^%z]+)%z([^%z]+)%z") do
    if line % share == number then
      heads[#heads + 1] = head
      tokens[#tokens + 1] = token
    end
    line = line + 1
  end
end

function request()
  sent = sent + 1
  at = at % #heads + 1
  local body = '{"' .. key .. '": "' .. tokens[at] .. '"}'
  local close = sent % 20 == 0 and "Connection: close\r\n" or ""
  return heads[at] .. close .. "Content-Length: " .. #body .. "\r\n\r\n" .. body
end

function response(status, headers, body)
  local successor = status == 200 and body:match(pattern)
  if successor and successor ~= tokens[at] then
    tokens[at] = successor
  else
    failed = failed + 1
  end
end

function done(summary, latency)
  local e = summary.errors
  local errors = e.connect + e.read + e.write + e.timeout
  for _, thread in ipairs(threads) do
    errors = errors + thread:get("failed")
  end
  io.write(string.format('\n{"requests": %d, "microseconds": %d, "p50": %d, "p99": %d, "errors": %d}\n',
    summary.requests, summary.duration, latency:percentile(50), latency:percentile(99), errors))
end
