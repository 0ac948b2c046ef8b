-- Give a worker the next events of integrations, as many as their throttle allows.
-- ARGV: prefix, worker, clock (ms; 0 for the server's own), burst, integrations, then each: partition, token, integration,
-- after (stream id or 0), wanted, rate
-- rate: messages a second, 0 for no limit. Returns for each: {entries, wait ms, started before}, or false when the lease is
-- lost. `wait` > 0: throttled, ask again after so many milliseconds. `started` is what the box held before this claim: the
-- last id claimed, a slash, and the worker that claimed it.
local worker, now, burst, n = take(), tonumber(take()), tonumber(take()), tonumber(take())
if now == 0 then
  local clock = call('TIME')
  now = tonumber(clock[1]) * 1000 + math.floor(tonumber(clock[2]) / 1000)
end
local result = {}

-- Whether stream id `a` is that of a later entry than `b`.
local function later(a, b)
  local a_ms, a_number = string.match(a, '^(%d+)-(%d+)')
  local b_ms, b_number = string.match(b, '^(%d+)-(%d+)')
  a_ms, b_ms = tonumber(a_ms), tonumber(b_ms)
  return a_ms > b_ms or (a_ms == b_ms and tonumber(a_number) > tonumber(b_number))
end

local partitions = {}
for g = 0, n - 1 do
  partitions[A[at + 6 * g + 1]] = true
end
read_tokens('run', partitions)

for g = 1, n do
  local p, token, i, after = A[at + 1], A[at + 2], A[at + 3], A[at + 4]
  local wanted, rate = tonumber(A[at + 5]), tonumber(A[at + 6])
  at = at + 6
  if token_of('run', p) ~= token then
    result[g] = false
  else
    local box = P .. 'box:' .. i
    local state = call('HMGET', box, 'started', 'tokens', 'at')
    local tokens, allowed, wait = burst, wanted, 0
    if rate > 0 then
      if state[2] then
        tokens = math.min(burst, tonumber(state[2]) + math.max(0, now - tonumber(state[3])) * rate / 1000)
      end
      allowed = math.min(wanted, math.floor(tokens))
    end
    local list, got = {}, 0
    if allowed > 0 then
      local entries = call('XRANGE', P .. 'inbox:' .. i, '(' .. after, '+', 'COUNT', allowed)
      got = #entries
      for k = 1, got do
        list[k] = {entries[k][1], entries[k][2][2]}
      end
    end
    if rate > 0 and allowed < wanted and got == allowed then
      wait = math.max(1, math.ceil((1 - (tokens - allowed)) * 1000 / rate))
    end
    if got > 0 then
      local last = list[got][1]
      if state[1] and later(state[1], last) then  -- what a holder that died had started stays known
        last = string.match(state[1], '^[^/]+')
      end
      local started = last .. '/' .. worker
      if rate > 0 then
        call('HSET', box, 'tokens', tokens - got, 'at', now, 'started', started)
      else
        call('HSET', box, 'started', started)
      end
    end
    result[g] = {list, wait, state[1] or ''}
  end
end
return result
